namespace CramGrains.Silo.Worker;

/// <summary>Tells a full disk from other input/output errors.</summary>
internal static class DiskErrors
{
    private const int UnixNoSpace = 28;                          // ENOSPC
    private const int UnixQuota = 122;                           // EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    public static bool IsDiskFull(Exception problem) =>
        problem is IOException && problem.HResult is UnixNoSpace or UnixQuota or WindowsDiskFull
        || (problem.InnerException is { } inner && IsDiskFull(inner));
}
