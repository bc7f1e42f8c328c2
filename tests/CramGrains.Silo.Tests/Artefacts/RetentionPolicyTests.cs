using CramGrains.Silo.Artefacts;

namespace CramGrains.Silo.Tests.Artefacts;

public sealed class RetentionPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly RetentionOptions Strict = new() { EndedRunDays = 0, CheckpointsKept = 0, CopyHours = 0, UnusedCorpusDays = 0, IncomingHours = 0 };

    [Fact]
    public void Plan_RunThatGoesOn_KeepsEverythingUnderTheStrictestPolicy()
    {
        var snapshot = Snapshot([Run("r-1", ended: null)], corpora: ["c1"]);

        Assert.Empty(RetentionPolicy.Plan(snapshot, Strict, Now));
    }

    [Fact]
    public void Plan_DefaultPolicy_RemovesNothingOfWhatWasTrainedHere() =>
        Assert.Empty(RetentionPolicy.Plan(Snapshot([Run("r-1", Now.AddDays(-999))], corpora: ["c1"]), new RetentionOptions(), Now));

    [Fact]
    public void Plan_RunEndedLongAgo_KeepsItsNewestCheckpoints()
    {
        var gone = RetentionPolicy.Plan(Snapshot([Run("r-1", Now.AddDays(-8))], []), new RetentionOptions { EndedRunDays = 7, CheckpointsKept = 1 }, Now);

        Assert.Equal(["r-1/step-1", "r-1/attempt-1"], gone);
    }

    [Fact]
    public void Plan_CopyOfAnotherMachinesRun_GoesOnlyWhileAnotherHasIt()
    {
        var copied = Run("r-1", Now.AddHours(-25)) with { TrainedHere = false, Checkpoints = [new("both", Elsewhere: true), new("only-here", Elsewhere: false)] };

        Assert.Equal(["both"], RetentionPolicy.Plan(Snapshot([copied], []), new RetentionOptions(), Now));
    }

    [Fact]
    public void Plan_CorpusOfNoRunLately_GoesAndOneInUseStays()
    {
        var snapshot = Snapshot([Run("r-1", ended: null) with { CorpusDigest = "used" }, Run("r-2", Now.AddDays(-1)) with { CorpusDigest = "late" }], ["used", "late", "old"]);

        Assert.Equal(["old"], RetentionPolicy.Plan(snapshot, new RetentionOptions { UnusedCorpusDays = 3 }, Now));
    }

    [Fact]
    public void Plan_RunThatHasNotNamedItsCorpus_KeepsAllCorpora()
    {
        var snapshot = Snapshot([Run("r-1", ended: null) with { CorpusDigest = null }], ["old"]);

        Assert.Empty(RetentionPolicy.Plan(snapshot, Strict, Now));
    }

    private static HeldRun Run(string id, DateTimeOffset? ended) => new(id, ended, true, "c1", [new($"{id}/step-2", false), new($"{id}/step-1", false)], [$"{id}/attempt-1"]);

    private static RetentionSnapshot Snapshot(IReadOnlyList<HeldRun> runs, IReadOnlyList<string> corpora) =>
        new(runs, [.. corpora.Select(digest => new HeldCorpus(digest, digest, Now.AddDays(-30)))], []);
}
