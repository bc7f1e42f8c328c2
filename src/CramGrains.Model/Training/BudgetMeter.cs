using CramGrains.Model.Recipes;

namespace CramGrains.Model.Training;

/// <summary>Counts what a run has used of its budget: training seconds on a monotonic clock, tokens, and model operations. Thread-safe.</summary>
/// <remarks>
/// Seconds run only between <see cref="Resume"/> and <see cref="Pause"/>: evaluating, writing checkpoints and loading are not charged. Seconds
/// are counted whatever the kind of budget, because reports and the cluster's budget clock want them.
/// </remarks>
public sealed class BudgetMeter
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private double _seconds;
    private long? _runningSince;
    private long _tokens;
    private double _exaflop;

    /// <summary>Makes a meter that stands still at zero.</summary>
    /// <param name="recipe">Its budget.</param>
    /// <param name="time">The clock.</param>
    public BudgetMeter(Recipe recipe, TimeProvider time)
    {
        _time = time;
        TotalSeconds = recipe.BudgetHours * 3600;
        TotalTokens = recipe.BudgetTokens;
        TotalExaflop = recipe.BudgetExaflop;
    }

    /// <summary>Seconds allowed, when the budget is one of time.</summary>
    public double? TotalSeconds { get; }

    /// <summary>Tokens allowed, when the budget is one of tokens.</summary>
    public long? TotalTokens { get; }

    /// <summary>Operations allowed in 1e18, when the budget is one of compute.</summary>
    public double? TotalExaflop { get; }

    /// <summary>Training seconds used by the run, over all attempts.</summary>
    public double UsedSeconds
    {
        get
        {
            lock (_lock)
            {
                return _seconds + (_runningSince is { } since ? _time.GetElapsedTime(since).TotalSeconds : 0);
            }
        }
    }

    /// <summary>Tokens read by the run.</summary>
    public long UsedTokens
    {
        get
        {
            lock (_lock)
            {
                return _tokens;
            }
        }
    }

    /// <summary>Model operations done by the run, in 1e18.</summary>
    public double UsedExaflop
    {
        get
        {
            lock (_lock)
            {
                return _exaflop;
            }
        }
    }

    /// <summary>The fraction of the budget that is used up, in [0, 1]: the progress that every schedule reads.</summary>
    public double Fraction => Math.Clamp(
        TotalSeconds is { } seconds ? UsedSeconds / seconds : TotalTokens is { } tokens ? (double)UsedTokens / tokens : UsedExaflop / TotalExaflop!.Value, 0, 1);

    /// <summary>Seconds left of a budget of time; infinite for others.</summary>
    public double SecondsLeft => TotalSeconds is { } total ? total - UsedSeconds : double.PositiveInfinity;

    /// <summary>Sets what earlier attempts have used.</summary>
    public void Restore(double seconds, long tokens, double exaflop)
    {
        lock (_lock)
        {
            (_seconds, _tokens, _exaflop) = (seconds, tokens, exaflop);
        }
    }

    /// <summary>Lets time count from now on.</summary>
    public void Resume()
    {
        lock (_lock)
        {
            _runningSince ??= _time.GetTimestamp();
        }
    }

    /// <summary>Stops time; what has run is charged.</summary>
    public void Pause()
    {
        lock (_lock)
        {
            if (_runningSince is { } since)
            {
                _seconds += _time.GetElapsedTime(since).TotalSeconds;
                _runningSince = null;
            }
        }
    }

    /// <summary>Charges tokens and operations.</summary>
    public void Charge(long tokens, double exaflop)
    {
        lock (_lock)
        {
            _tokens += tokens;
            _exaflop += exaflop;
        }
    }

    /// <summary>Whether a step with these needs ends within the budget.</summary>
    /// <param name="seconds">Expected time; 0 when it is not known yet, and then any time left will do.</param>
    /// <param name="tokens">Tokens it reads.</param>
    /// <param name="exaflop">Operations it does, in 1e18.</param>
    public bool Fits(double seconds, long tokens, double exaflop) =>
        TotalSeconds is not null ? SecondsLeft > 0 && seconds <= SecondsLeft
        : TotalTokens is { } total ? UsedTokens + tokens <= total
        : UsedExaflop + exaflop <= TotalExaflop;
}
