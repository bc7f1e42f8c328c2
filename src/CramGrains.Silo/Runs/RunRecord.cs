using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>Durable state of a run.</summary>
internal sealed class RunRecord
{
    /// <summary>Notices that are kept, half of them the first and half the last.</summary>
    public const int NoticesKept = 100;

    /// <summary>What was asked for; null when there is no such run.</summary>
    public SubmitRun? Request { get; set; }

    public string Name { get; set; } = "";

    public string RecipeJson { get; set; } = "";

    public string RecipeDigest { get; set; } = "";

    /// <summary>What the run competes in; null in state of before there were tracks.</summary>
    public string? Track { get; set; }

    /// <summary>0 for a recipe whose budget is in tokens or compute.</summary>
    public double BudgetSeconds { get; set; }

    public double BudgetUsedSeconds { get; set; }

    public RunState State { get; set; }

    public TerminationReason Reason { get; set; }

    public string Message { get; set; } = "";

    public DateTimeOffset SubmittedAt { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Names what the corpus is to be made of.</summary>
    public string CorpusRequest { get; set; } = "";

    /// <summary>Names the corpus itself, once it is ready.</summary>
    public string? CorpusDigest { get; set; }

    public long? CorpusTokens { get; set; }

    /// <summary>The machine that has the sources, then the corpus, then the checkpoints; empty when all can get at them.</summary>
    public string Machine { get; set; } = "";

    public AttemptRecord Pretraining { get; set; } = new();

    public double? HeldOutLossInitial { get; set; }

    /// <summary>What pretraining made, once it has ended.</summary>
    public WorkerResult? Result { get; set; }

    /// <summary>The last progress of pretraining, as of the last write.</summary>
    public RunProgress? Progress { get; set; }

    public List<GlueItem> Glue { get; set; } = [];

    /// <summary>The first and the last of what its user should know, <see cref="NoticesKept"/> at most.</summary>
    public List<string> Notices { get; set; } = [];

    /// <summary>Notices that were taken out of the middle.</summary>
    public int NoticesLeftOut { get; set; }

    /// <summary>The first and the last states that it entered.</summary>
    public List<RunHistoryEntry> History { get; set; } = [];

    /// <summary>Who asked to end the run; null when nobody has.</summary>
    public string? CancelledBy { get; set; }

    /// <summary>Who holds it back; null when nobody does.</summary>
    public string? HeldBy { get; set; }

    /// <summary>Who asked to pause it; null when nobody has.</summary>
    public string? PausedBy { get; set; }

    /// <summary>The state in which a paused run goes on.</summary>
    public RunState PausedIn { get; set; }

    /// <summary>Who asked to send it back to the queue; null once that is done.</summary>
    public string? RequeuedBy { get; set; }

    /// <summary>How often it has been queued again after it had ended.</summary>
    public int Life { get; set; }

    /// <summary>Memory that a GPU must have for its pretraining.</summary>
    public long MinMemoryBytes { get; set; }

    /// <summary>The last commands and how they were answered.</summary>
    public List<AnsweredCommand> Commands { get; set; } = [];

    /// <summary>The scheduler knows that the run has ended, and nothing is left to do.</summary>
    public bool Retired { get; set; }
}

/// <summary>One fine-tuning of a run, and how it went.</summary>
internal sealed class GlueItem
{
    public required string Task { get; set; }

    public int Seed { get; set; }

    public bool Ended { get; set; }

    public TerminationReason Reason { get; set; }

    public string Message { get; set; } = "";

    public List<GlueScore> Scores { get; set; } = [];
}

internal sealed record RunHistoryEntry(DateTimeOffset At, RunState State, string Message);
