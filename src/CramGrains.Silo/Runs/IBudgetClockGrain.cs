namespace CramGrains.Silo.Runs;

/// <summary>Counts the training time that a run has used; key is the run id. Durable, fenced, never runs backwards.</summary>
[Alias("cram.IBudgetClockGrain")]
internal interface IBudgetClockGrain : IGrainWithStringKey
{
    /// <summary>Opens the account for an attempt: from now on only its epoch is heard. Takes over the larger of the clock and <paramref name="lastKnownSeconds"/>.</summary>
    [Alias("BeginAttempt"), ResponseTimeout("00:00:10")]
    Task<BudgetReading> BeginAttemptAsync(long epoch, double lastKnownSeconds);

    /// <summary>Raises the total to <paramref name="usedSecondsTotal"/>; refused unless <paramref name="epoch"/> is the current one.</summary>
    [Alias("Charge"), ResponseTimeout("00:00:10")]
    Task<BudgetReading> ChargeAsync(long epoch, double usedSecondsTotal);

    [Alias("Read"), ResponseTimeout("00:00:10")]
    Task<BudgetReading> ReadAsync();
}

/// <param name="Accepted">False when the epoch is stale: its sender has lost the right to the run.</param>
/// <param name="Epoch">The epoch that is heard.</param>
/// <param name="UsedSeconds">Training seconds charged, all attempts.</param>
[GenerateSerializer, Immutable, Alias("cram.BudgetReading")]
internal sealed record BudgetReading([property: Id(0)] bool Accepted, [property: Id(1)] long Epoch, [property: Id(2)] double UsedSeconds);
