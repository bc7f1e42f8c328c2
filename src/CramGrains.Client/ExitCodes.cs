namespace CramGrains.Client;

/// <summary>What a command's exit code means to a script.</summary>
internal static class ExitCodes
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>The run failed or was cancelled, or a check found an error.</summary>
    public const int RunFailed = 1;

    /// <summary>The command line, the recipe, or a file that it names is wrong.</summary>
    public const int Usage = 2;

    /// <summary>No cluster answers.</summary>
    public const int NoCluster = 3;

    /// <summary>A study stopped at its <c>--max-time</c>: all is well, and the same command goes on.</summary>
    public const int NotFinished = 75;

    /// <summary>Interrupted by Ctrl-C, or nobody reads the output any more; the run itself goes on, except under <c>quickstart</c>.</summary>
    public const int Interrupted = 130;
}
