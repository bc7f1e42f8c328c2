namespace CramGrains.Model.Data;

/// <summary>A corpus cannot be made or used, for a reason that the user can act on; the message says what, where, expected, got and what to do.</summary>
public sealed class CorpusException : Exception
{
    /// <summary>Makes one from its message.</summary>
    /// <param name="message">For people.</param>
    public CorpusException(string message)
        : base(message)
    {
    }

    /// <summary>Makes one from its message and cause.</summary>
    /// <param name="message">For people.</param>
    /// <param name="cause">What went wrong beneath.</param>
    public CorpusException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Makes one without a message.</summary>
    public CorpusException()
    {
    }
}
