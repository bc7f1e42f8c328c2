using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Runs;

[CollectionAgeLimit(Minutes = 2)]
internal sealed partial class BudgetClockGrain(
    [PersistentState("budget", "cram")] IPersistentState<BudgetAccount> storage, Telemetry.CramMetrics metrics, ILogger<BudgetClockGrain> logger)
    : DurableGrain<BudgetAccount>(storage), IBudgetClockGrain
{
    public Task<BudgetReading> BeginAttemptAsync(long epoch, double lastKnownSeconds) => SettleAsync(epoch, account => account.TryBegin(epoch, lastKnownSeconds));

    public Task<BudgetReading> ChargeAsync(long epoch, double usedSecondsTotal) => SettleAsync(epoch, account => account.TryCharge(epoch, usedSecondsTotal));

    public Task<BudgetReading> ReadAsync() => Task.FromResult(new BudgetReading(true, State.Epoch, State.UsedSeconds));

    /// <summary>
    /// Neither answer rests on memory alone: on a machine that stood still, an activation that another has overtaken may answer once more. So what is accepted is
    /// written, also when nothing has changed, since the store refuses an old version; and what would be refused is read again first.
    /// </summary>
    private async Task<BudgetReading> SettleAsync(long epoch, Func<BudgetAccount, bool> change)
    {
        bool accepted = change(State);
        if (!accepted)
        {
            await ReadAgainAsync();
            accepted = change(State);
        }

        if (accepted)
        {
            await SaveAsync();
        }
        else
        {
            metrics.FenceRejected("budget");
            LogStaleEpoch(logger, this.GetPrimaryKeyString(), epoch, State.Epoch);
        }

        return new BudgetReading(accepted, State.Epoch, State.UsedSeconds);
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Warning, Message = "Budget of {RunId}: refused epoch {Epoch}, current is {Current}")]
    private static partial void LogStaleEpoch(ILogger logger, string runId, long epoch, long current);
}
