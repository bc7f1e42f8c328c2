namespace CramGrains.Client;

/// <summary>What can end a command although it was given rightly, in words for its user.</summary>
internal static class Failures
{
    /// <summary>The message, empty where there is nothing to say, and the exit code; null for what is a defect of this program.</summary>
    public static (string Message, int ExitCode)? Explain(Exception problem) => problem switch
    {
        CommandException refused => (refused.Message, refused.ExitCode),
        Orleans.Runtime.OrleansException or TimeoutException =>
            ($"The silo has stopped answering ({problem.Message}). What was asked may or may not have been recorded; ask again.", ExitCodes.NoCluster),
        UnauthorizedAccessException => (problem.Message, ExitCodes.NoCluster), // the silo's own word on a token, in the words of TokenCheck
        TypeLoadException or Orleans.Serialization.SerializerException =>
            ($"The silo is of another version than this program and does not know what it was asked ({problem.Message}). Use the cram that came with it, or upgrade the silo; its workers train through that.", ExitCodes.NoCluster),
        OperationCanceledException => ("", ExitCodes.Interrupted),
        _ => null,
    };
}
