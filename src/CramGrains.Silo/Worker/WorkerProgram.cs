namespace CramGrains.Silo.Worker;

/// <summary>Entry point of a worker process.</summary>
internal static class WorkerProgram
{
    public static Task<int> RunAsync(string assignmentFile) => throw new NotSupportedException($"this build has no worker; it was to carry out {assignmentFile}");
}
