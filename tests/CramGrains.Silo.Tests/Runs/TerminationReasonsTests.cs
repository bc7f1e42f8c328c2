using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Runs;

namespace CramGrains.Silo.Tests.Runs;

public sealed class TerminationReasonsTests
{
    public static TheoryData<TerminationReason> Ended => [.. Enum.GetValues<TerminationReason>().Where(reason => reason != TerminationReason.None)];

    [Theory]
    [MemberData(nameof(Ended))]
    public void FinalState_EveryReason_IsFinal(TerminationReason reason) => Assert.True(TerminationReasons.FinalState(reason).IsFinal());

    [Theory]
    [MemberData(nameof(Ended))]
    public void Next_EveryReason_IsDefined(TerminationReason reason) => Assert.True(Enum.IsDefined(TerminationReasons.Next(reason)));

    [Theory]
    [InlineData(TerminationReason.WorkerLost, 2)]
    [InlineData(TerminationReason.LeaseExpired, 3)]
    [InlineData(TerminationReason.NonFiniteLoss, 1)]
    [InlineData(TerminationReason.DiskFull, 1)]
    public void Next_Reason_RetriesOnlyWhatMayEndOtherwise(TerminationReason reason, int expected) => Assert.Equal((AfterAttempt)expected, TerminationReasons.Next(reason));

    /// <summary>The numbers lie in stored state and on the wire; a changed one misreads every run of the past.</summary>
    [Fact]
    public void StoredValues_RunStateAndReason_AreWhatTheyAlwaysWere()
    {
        Assert.Equal(
            "Queued=1 Preparing=2 Waiting=3 Pretraining=4 FineTuning=5 Paused=6 Succeeded=10 Failed=11 Cancelled=12",
            string.Join(' ', Enum.GetValues<RunState>().Select(state => $"{state}={(int)state}")));
        Assert.Equal(
            "None=0 Completed=1 Cancelled=2 WorkerLost=3 LeaseExpired=4 Drained=5 Preempted=6 Paused=7 Requeued=8 RecipeUnsupported=20 CorpusInvalid=21 GlueInvalid=22 NonFiniteLoss=23 DiskFull=24 "
            + "OutOfMemory=25 CheckpointsUnreadable=26 WorkerFailed=27 AttemptsExhausted=28 DependencyFailed=29",
            string.Join(' ', Enum.GetValues<TerminationReason>().Select(reason => $"{reason}={(int)reason}")));
    }
}
