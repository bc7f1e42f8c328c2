namespace CramGrains.Silo.Runs;

/// <summary>The arithmetic of the budget clock, without storage: who may charge, and that the total only grows.</summary>
internal sealed class BudgetAccount
{
    public long Epoch { get; set; }

    public double UsedSeconds { get; set; }

    /// <returns>False when a later attempt has begun.</returns>
    public bool TryBegin(long epoch, double lastKnownSeconds)
    {
        if (epoch < Epoch)
        {
            return false;
        }

        Epoch = epoch;
        Raise(lastKnownSeconds);
        return true;
    }

    /// <returns>False when the epoch is not the current one; nothing is charged then.</returns>
    public bool TryCharge(long epoch, double usedSecondsTotal)
    {
        if (epoch != Epoch)
        {
            return false;
        }

        Raise(usedSecondsTotal);
        return true;
    }

    // A worker that resumes from a checkpoint may say less for a moment, and a broken one may say NaN; neither gives time back.
    private void Raise(double seconds)
    {
        if (double.IsFinite(seconds) && seconds > UsedSeconds)
        {
            UsedSeconds = seconds;
        }
    }
}
