namespace CramGrains.Model.Evaluation;

/// <summary>A GLUE file, prediction or setting that cannot be used; the message is for people and says what, where, expected and got.</summary>
public sealed class GlueException : Exception
{
    /// <summary>With a message for people.</summary>
    public GlueException(string message) : base(message)
    {
    }

    /// <summary>With a message for people and what caused it.</summary>
    public GlueException(string message, Exception innerException) : base(message, innerException)
    {
    }
}
