namespace CramGrains.Model.Export;

/// <summary>The model classes of Hugging Face transformers that an exported folder can open with.</summary>
public enum HuggingFaceClass
{
    /// <summary><c>BertForMaskedLM</c>: post-norm with learned positions.</summary>
    Bert = 1,

    /// <summary><c>ModernBertForMaskedLM</c>: pre-norm, gated, rotary, without the first attention norm.</summary>
    ModernBert = 2,

    /// <summary>The modelling file of ours that goes into the folder; expresses every architecture and needs <c>trust_remote_code</c>.</summary>
    Crammed = 3,
}

/// <summary>A model that cannot be exported or imported; the message says what stands in the way and what to do.</summary>
public sealed class ExportException : Exception
{
    /// <summary>Makes the exception.</summary>
    public ExportException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
