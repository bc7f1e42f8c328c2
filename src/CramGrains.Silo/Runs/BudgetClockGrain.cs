using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Runs;

[CollectionAgeLimit(Minutes = 2)]
internal sealed partial class BudgetClockGrain(
    [PersistentState("budget", "cram")] IPersistentState<BudgetAccount> storage, Telemetry.CramMetrics metrics, ILogger<BudgetClockGrain> logger)
    : DurableGrain<BudgetAccount>(storage), IBudgetClockGrain
{
    public async Task<BudgetReading> BeginAttemptAsync(long epoch, double lastKnownSeconds)
    {
        (long epochBefore, double usedBefore) = (State.Epoch, State.UsedSeconds);
        bool accepted = State.TryBegin(epoch, lastKnownSeconds);
        return await SettleAsync(accepted, epoch, epochBefore, usedBefore);
    }

    public async Task<BudgetReading> ChargeAsync(long epoch, double usedSecondsTotal)
    {
        (long epochBefore, double usedBefore) = (State.Epoch, State.UsedSeconds);
        bool accepted = State.TryCharge(epoch, usedSecondsTotal);
        return await SettleAsync(accepted, epoch, epochBefore, usedBefore);
    }

    public Task<BudgetReading> ReadAsync() => Task.FromResult(new BudgetReading(true, State.Epoch, State.UsedSeconds));

    private async Task<BudgetReading> SettleAsync(bool accepted, long epoch, long epochBefore, double usedBefore)
    {
        if (!accepted)
        {
            metrics.FenceRejected("budget");
            LogStaleEpoch(logger, this.GetPrimaryKeyString(), epoch, State.Epoch);
        }
        else if (State.Epoch != epochBefore || State.UsedSeconds > usedBefore)
        {
            await SaveAsync();
        }

        return new BudgetReading(accepted, State.Epoch, State.UsedSeconds);
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "Budget of {RunId}: refused epoch {Epoch}, current is {Current}")]
    private static partial void LogStaleEpoch(ILogger logger, string runId, long epoch, long current);
}
