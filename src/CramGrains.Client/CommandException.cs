namespace CramGrains.Client;

/// <summary>A command cannot go on; the message is for its user and says what to do.</summary>
internal sealed class CommandException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
