using CramGrains.Interfaces.Runs;
using CramGrains.Model.Data;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Worker;

public sealed class WorkerFailureTests
{
    private const int NoSpaceLeft = 28; // ENOSPC

    [Fact]
    public void Classify_CorpusOnAFullDisk_IsDiskFull() =>
        Assert.Equal(TerminationReason.DiskFull, WorkerFailure.Classify(new CorpusException("no room", new IOException("No space left on device", NoSpaceLeft))).Reason);

    [Fact]
    public void Classify_UnusableCorpus_IsCorpusInvalid() =>
        Assert.Equal(TerminationReason.CorpusInvalid, WorkerFailure.Classify(new CorpusException("a.txt: not UTF-8")).Reason);
}
