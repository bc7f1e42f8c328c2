using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Tests.Hosting;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Tests.Scheduling;

/// <summary>A store that was put back from an older backup than the files of runs: it has forgotten epochs that attempts and checkpoints carry.</summary>
public sealed class RestoredStoreTests : ISchedulerEffects, IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly HomeFolder _home = new(Directory.CreateTempSubdirectory("cram-epochs-").FullName);

    public void Dispose() => Directory.Delete(_home.Root, recursive: true);

    [Fact]
    public async Task RequestAsync_FilesOfLaterEpochsThanWereGivenOut_GoesOnAfterThem()
    {
        var state = new SchedulerRecord { LastEpoch = 3 };
        List<(string, long, long)> told = [];
        var desk = new SchedulerDesk(
            state, () => Task.CompletedTask, new EndedHistory([], (_, _) => Task.CompletedTask), this, new SchedulingOptions { SettleSeconds = 0 }, TimeSpan.FromSeconds(30), new SiloClock(new SetClock()));
        desk.EpochsRaised += (machine, highest, known) => told.Add((machine, highest, known));
        await desk.EnrollAsync("r0", Noon, 0);
        Directory.CreateDirectory(_home.Attempt("r0", 9));

        for (int i = 0; i < 2; i++)
        {
            await desk.ReportDevicesAsync("a", [new DeviceReport("a/gpu0", "a", DeviceReport.Cuda, "GPU", 80L << 30, HighestEpoch: EpochsOfFiles.Highest(_home))]);
        }

        Assert.Equal(10, (await desk.RequestAsync(new WorkItem("r0/pretrain", "r0", WorkerJob.Pretrain, "r0", Noon))).LeaseEpoch);
        Assert.Equal(10, state.LastEpoch);
        Assert.Equal(("a", 9L, 3L), Assert.Single(told));
        Assert.Equal(0, state.Devices["a/gpu0"].Report.HighestEpoch);
    }

    [Fact]
    public void Highest_NoFiles_IsZero() => Assert.Equal(0, EpochsOfFiles.Highest(_home));

    [Theory]
    [InlineData("runs/r-1/attempts/7")]
    [InlineData("preparing/c0ffee/7")]
    [InlineData("runs/r-1/checkpoints/step-000000100.epoch-7")]
    public void Highest_OneKindOfFileIsAhead_IsThatOne(string folder)
    {
        foreach (string each in (string[])["runs/r-1/attempts/3", "runs/r-2/attempts/2", "runs/r-1/attempts/notes", "preparing/c0ffee/1", "runs/r-1/checkpoints/step-000000900.epoch-3", "runs/r-3", folder])
        {
            Directory.CreateDirectory(Path.Combine(_home.Root, each));
        }

        Assert.Equal(7, EpochsOfFiles.Highest(_home));
    }

    void ISchedulerEffects.Wake(string owner) { }

    void ISchedulerEffects.Evict(string deviceId, long epoch, TerminationReason reason) { }

    void ISchedulerEffects.Audit(string owner, string itemId, long epoch, long version) { }
}
