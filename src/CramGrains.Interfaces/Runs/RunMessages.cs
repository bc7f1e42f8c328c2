namespace CramGrains.Interfaces.Runs;

/// <summary>Asks for a run. Sending it twice with the same run id gives the same run.</summary>
/// <param name="RunId">Made by the client: <c>r-</c>, UTC time and random letters.</param>
/// <param name="Name">Name for people; null takes the recipe's.</param>
/// <param name="RecipeJson">The recipe's text, as read from its file.</param>
/// <param name="RecipeOrigin">Where it was read from, for error messages.</param>
/// <param name="Overrides">Settings that replace the recipe's, as <c>key.path=value</c>, in order.</param>
/// <param name="BudgetSeconds">Replaces the recipe's budget; null keeps it.</param>
/// <param name="CorpusPaths">Text files or folders that replace the recipe's sources; empty keeps them. Absolute paths on the silo's machine.</param>
/// <param name="GlueFolder">Folder with GLUE in its official TSV layout; null skips fine-tuning, and the report says so.</param>
/// <param name="User">Who asks; fair share goes by it.</param>
/// <param name="Priority">Higher goes first and may preempt lower; -1000 to 1000.</param>
/// <param name="After">Run that must succeed first; null for none.</param>
/// <param name="Hold">Accept it, but start nothing until it is released.</param>
/// <param name="Requeue">Where it may go on after losing its device.</param>
/// <param name="MaxAttempts">Failed attempts after which it gives up; null for the silo's setting.</param>
/// <param name="MinGpuMemoryBytes">Only a GPU with at least so much memory will do; null lets the recipe's estimate decide among GPUs.</param>
/// <param name="MinComputeCapability">Only a GPU of at least this compute capability will do, as ten times its number: 80 for 8.0. Null for any.</param>
[GenerateSerializer, Immutable, Alias("cram.SubmitRun")]
public sealed record SubmitRun(
    [property: Id(0)] string RunId,
    [property: Id(1)] string? Name,
    [property: Id(2)] string RecipeJson,
    [property: Id(3)] string RecipeOrigin,
    [property: Id(4)] IReadOnlyList<string> Overrides,
    [property: Id(5)] double? BudgetSeconds,
    [property: Id(6)] IReadOnlyList<string> CorpusPaths,
    [property: Id(7)] string? GlueFolder,
    [property: Id(8)] string User,
    [property: Id(9)] int Priority = 0,
    [property: Id(10)] string? After = null,
    [property: Id(11)] bool Hold = false,
    [property: Id(12)] RequeuePolicy Requeue = RequeuePolicy.Any,
    [property: Id(13)] int? MaxAttempts = null,
    [property: Id(14)] long? MinGpuMemoryBytes = null,
    [property: Id(15)] int? MinComputeCapability = null);

/// <summary>The answer to <see cref="SubmitRun"/>: accepted, or every reason why not.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Accepted">True when the run is durable and queued (or already was).</param>
/// <param name="Problems">Empty when accepted; else each says what, where, expected, got and what to do.</param>
[GenerateSerializer, Immutable, Alias("cram.SubmitOutcome")]
public sealed record SubmitOutcome([property: Id(0)] string RunId, [property: Id(1)] bool Accepted, [property: Id(2)] IReadOnlyList<string> Problems);

/// <summary>The answer to a command.</summary>
/// <param name="Accepted">Whether it is recorded and will be carried out.</param>
/// <param name="Message">One sentence for people.</param>
[GenerateSerializer, Immutable, Alias("cram.CommandOutcome")]
public sealed record CommandOutcome([property: Id(0)] bool Accepted, [property: Id(1)] string Message);

/// <summary>A run as it stands now.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Name">Name for people.</param>
/// <param name="User">Who submitted it.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Reason">Why it ended; None while it has not.</param>
/// <param name="Message">One sentence: why it waits, what it does, or how it ended.</param>
/// <param name="SubmittedAt">UTC.</param>
/// <param name="EndedAt">UTC; null while it has not ended.</param>
/// <param name="RecipeDigest">SHA-256 of the canonical recipe.</param>
/// <param name="CorpusDigest">Name of its corpus; null until that is known.</param>
/// <param name="Device">Device of the current or last attempt.</param>
/// <param name="LeaseEpoch">Epoch of the current or last attempt.</param>
/// <param name="Attempts">Pretraining attempts so far.</param>
/// <param name="BudgetSeconds">Budget.</param>
/// <param name="BudgetUsedSeconds">Charged so far.</param>
/// <param name="Progress">Latest progress of the current phase; null before any.</param>
/// <param name="Notices">What its user should know: a checkpoint passed over, a worker lost, GLUE skipped.</param>
/// <param name="Priority">As submitted.</param>
/// <param name="After">The run that it follows; null for none.</param>
/// <param name="HeldBy">Who holds it back; null when nobody does.</param>
/// <param name="Requeue">Where it may go on after losing its device.</param>
/// <param name="EstimatedStart">UTC at which it is expected to get a device, if it waits for one and that can be told.</param>
/// <param name="EstimatedEnd">UTC at which its pretraining is expected to end, if that can be told.</param>
/// <param name="Track">What it competes in: <c>paper</c>, another name, or none with the rules that it bends; null for runs of before there were tracks.</param>
[GenerateSerializer, Immutable, Alias("cram.RunView")]
public sealed record RunView(
    [property: Id(0)] string RunId,
    [property: Id(1)] string Name,
    [property: Id(2)] string User,
    [property: Id(3)] RunState State,
    [property: Id(4)] TerminationReason Reason,
    [property: Id(5)] string Message,
    [property: Id(6)] DateTimeOffset SubmittedAt,
    [property: Id(7)] DateTimeOffset? EndedAt,
    [property: Id(8)] string RecipeDigest,
    [property: Id(9)] string? CorpusDigest,
    [property: Id(10)] string? Device,
    [property: Id(11)] long LeaseEpoch,
    [property: Id(12)] int Attempts,
    [property: Id(13)] double BudgetSeconds,
    [property: Id(14)] double BudgetUsedSeconds,
    [property: Id(15)] RunProgress? Progress,
    [property: Id(16)] IReadOnlyList<string> Notices,
    [property: Id(17)] int Priority = 0,
    [property: Id(18)] string? After = null,
    [property: Id(19)] string? HeldBy = null,
    [property: Id(20)] RequeuePolicy Requeue = RequeuePolicy.Any,
    [property: Id(21)] DateTimeOffset? EstimatedStart = null,
    [property: Id(22)] DateTimeOffset? EstimatedEnd = null,
    [property: Id(23)] string? Track = null);

/// <summary>Progress of a run's current phase; fields that the phase does not have are null.</summary>
/// <param name="Phase">For people: <c>preparing corpus: training vocabulary</c>, <c>pretraining</c>, <c>fine-tuning cola seed 0</c>.</param>
/// <param name="Fraction">How much of the phase is done, in [0, 1]; null when unknown.</param>
/// <param name="OptimizerSteps">Optimizer steps.</param>
/// <param name="TokensSeen">Training tokens read.</param>
/// <param name="LossNats">Latest training loss.</param>
/// <param name="HeldOutLossNats">Latest held-out loss.</param>
/// <param name="LearningRate">Latest learning rate.</param>
/// <param name="GradientNorm">Latest gradient norm.</param>
/// <param name="BatchSize">Rows in the last batch.</param>
/// <param name="TokensPerSecond">Latest rate.</param>
/// <param name="CheckpointSteps">Optimizer steps in the newest checkpoint.</param>
/// <param name="CheckpointAgeSeconds">Age of the newest checkpoint.</param>
/// <param name="CheckpointSeconds">Time it took to write.</param>
[GenerateSerializer, Immutable, Alias("cram.RunProgress")]
public sealed record RunProgress(
    [property: Id(0)] string Phase,
    [property: Id(1)] double? Fraction = null,
    [property: Id(2)] long? OptimizerSteps = null,
    [property: Id(3)] long? TokensSeen = null,
    [property: Id(4)] double? LossNats = null,
    [property: Id(5)] double? HeldOutLossNats = null,
    [property: Id(6)] double? LearningRate = null,
    [property: Id(7)] double? GradientNorm = null,
    [property: Id(8)] int? BatchSize = null,
    [property: Id(9)] double? TokensPerSecond = null,
    [property: Id(10)] long? CheckpointSteps = null,
    [property: Id(11)] double? CheckpointAgeSeconds = null,
    [property: Id(12)] double? CheckpointSeconds = null);

/// <summary>One change of a run, for those who watch: a state change, a notice, or progress.</summary>
/// <param name="Cursor">Pass the last one back to go on watching without gap or repetition.</param>
/// <param name="View">The run after the change; also sent at least every 10 s as a heartbeat.</param>
[GenerateSerializer, Immutable, Alias("cram.RunUpdate")]
public sealed record RunUpdate([property: Id(0)] long Cursor, [property: Id(1)] RunView View);

/// <summary>A piece of a run's log.</summary>
/// <param name="Cursor">Byte offset after it; pass it back to go on.</param>
/// <param name="Text">Whole lines.</param>
[GenerateSerializer, Immutable, Alias("cram.LogChunk")]
public sealed record LogChunk([property: Id(0)] long Cursor, [property: Id(1)] string Text);

/// <summary>The result of a run. Printed as JSON with snake_case keys by the client.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Name">Name for people.</param>
/// <param name="State">How it ended, or where it stands.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="Message">One sentence.</param>
/// <param name="BudgetSeconds">Budget.</param>
/// <param name="BudgetUsedSeconds">Charged.</param>
/// <param name="OptimizerSteps">Optimizer steps.</param>
/// <param name="TokensSeen">Training tokens read.</param>
/// <param name="TokensPerSecond">Tokens seen per training second, over the run.</param>
/// <param name="HeldoutLossInitial">Held-out loss before training, nats.</param>
/// <param name="HeldoutLoss">Held-out loss at the end, nats.</param>
/// <param name="Attempts">Pretraining attempts.</param>
/// <param name="Checkpoint">Folder of the last checkpoint.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Device">Device of the last attempt, with its name.</param>
/// <param name="Engine">Engine of the last attempt.</param>
/// <param name="CorpusDigest">Name of the corpus.</param>
/// <param name="CorpusTokens">Training tokens in the corpus.</param>
/// <param name="RecipeDigest">SHA-256 of the canonical recipe.</param>
/// <param name="RecipeJson">The canonical recipe, overrides included.</param>
/// <param name="Glue">Every score of every task and seed.</param>
/// <param name="Averages">Named averages over scores; only those whose tasks were all run.</param>
/// <param name="Notices">What the reader must know: GLUE skipped and why, checkpoints passed over, subsets.</param>
/// <param name="Exaflop">Model operations done, in 1e18, by the paper's count.</param>
/// <param name="PeakExaflop">What the device could have done at its peak in the training time; null where its peak is not known.</param>
/// <param name="Mfu">Model FLOPs utilization: the first over the second, in [0, 1].</param>
/// <param name="Track">What it competes in, as in <see cref="RunView"/>.</param>
[GenerateSerializer, Immutable, Alias("cram.RunReport")]
public sealed record RunReport(
    [property: Id(0)] string RunId,
    [property: Id(1)] string Name,
    [property: Id(2)] RunState State,
    [property: Id(3)] TerminationReason Reason,
    [property: Id(4)] string Message,
    [property: Id(5)] double BudgetSeconds,
    [property: Id(6)] double BudgetUsedSeconds,
    [property: Id(7)] long OptimizerSteps,
    [property: Id(8)] long TokensSeen,
    [property: Id(9)] double TokensPerSecond,
    [property: Id(10)] double? HeldoutLossInitial,
    [property: Id(11)] double? HeldoutLoss,
    [property: Id(12)] int Attempts,
    [property: Id(13)] string? Checkpoint,
    [property: Id(14)] long? Parameters,
    [property: Id(15)] string? Device,
    [property: Id(16)] string? Engine,
    [property: Id(17)] string? CorpusDigest,
    [property: Id(18)] long? CorpusTokens,
    [property: Id(19)] string RecipeDigest,
    [property: Id(20)] string RecipeJson,
    [property: Id(21)] IReadOnlyList<GlueScore> Glue,
    [property: Id(22)] IReadOnlyList<GlueAverage> Averages,
    [property: Id(23)] IReadOnlyList<string> Notices,
    [property: Id(24)] double? Exaflop = null,
    [property: Id(25)] double? PeakExaflop = null,
    [property: Id(26)] double? Mfu = null,
    [property: Id(27)] string? Track = null);

/// <summary>One metric of one fine-tuning.</summary>
/// <param name="Task">GLUE task: <c>cola</c>, <c>sst2</c>, <c>mrpc</c>, <c>stsb</c>, <c>qqp</c>, <c>mnli</c>, <c>mnli-mm</c>, <c>qnli</c>, <c>rte</c>, <c>wnli</c>.</param>
/// <param name="Metric"><c>mcc</c>, <c>accuracy</c>, <c>f1</c>, <c>pearson</c>, <c>spearman</c>.</param>
/// <param name="Value">In [-1, 1].</param>
/// <param name="Seed">Seed of the fine-tuning.</param>
/// <param name="Subset">True when train or dev data are fewer rows than the official ones; such a score is not comparable with published GLUE.</param>
[GenerateSerializer, Immutable, Alias("cram.GlueScore")]
public sealed record GlueScore(
    [property: Id(0)] string Task, [property: Id(1)] string Metric, [property: Id(2)] double Value, [property: Id(3)] int Seed, [property: Id(4)] bool Subset);

/// <summary>A named average over median scores.</summary>
/// <param name="Name">Which convention: <c>cramming-9</c>, <c>cramming-9 without cola</c>, <c>official-8</c>.</param>
/// <param name="Value">The mean.</param>
/// <param name="Subset">True when one of its scores is from a subset, so that it is not comparable with published GLUE.</param>
[GenerateSerializer, Immutable, Alias("cram.GlueAverage")]
public sealed record GlueAverage([property: Id(0)] string Name, [property: Id(1)] double Value, [property: Id(2)] bool Subset = false);
