using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Evaluation;

/// <summary>One fine-tuning: one task with one seed of one run; key is <c>RUN/TASK/SEED</c>.</summary>
[Alias("cram.IGlueTaskGrain")]
internal interface IGlueTaskGrain : IGrainWithStringKey
{
    /// <summary>Says how far it is and gets it going unless it is.</summary>
    [Alias("Ensure"), ResponseTimeout("00:00:10")]
    Task<GlueTaskView> EnsureAsync(GlueTaskOrder order);

    /// <summary>Records the wish to end it.</summary>
    [Alias("Cancel"), ResponseTimeout("00:00:10")]
    Task CancelAsync();
}

/// <param name="RunId">The run.</param>
/// <param name="Task">GLUE task in kebab case.</param>
/// <param name="Seed">Seed of the fine-tuning.</param>
/// <param name="RecipeJson">The canonical recipe.</param>
/// <param name="CorpusDigest">The corpus, for its vocabulary.</param>
/// <param name="GlueFolder">Where the GLUE files are.</param>
/// <param name="Machine">The machine that has the checkpoint; null for any.</param>
/// <param name="OrderedAt">When the run was submitted.</param>
/// <param name="Priority">The run's.</param>
/// <param name="Policy">What the run's user asked for; the latest order counts.</param>
[GenerateSerializer, Immutable, Alias("cram.GlueTaskOrder")]
internal sealed record GlueTaskOrder(
    [property: Id(0)] string RunId,
    [property: Id(1)] string Task,
    [property: Id(2)] int Seed,
    [property: Id(3)] string RecipeJson,
    [property: Id(4)] string CorpusDigest,
    [property: Id(5)] string GlueFolder,
    [property: Id(6)] string? Machine,
    [property: Id(7)] DateTimeOffset OrderedAt,
    [property: Id(8)] int Priority = 0,
    [property: Id(9)] WorkPolicy? Policy = null);

/// <param name="Ended">Whether it has ended, well or not.</param>
/// <param name="Reason">Why it ended.</param>
/// <param name="Message">One sentence for people.</param>
/// <param name="Progress">While it runs.</param>
/// <param name="Scores">What it measured.</param>
/// <param name="Notices">What the user should know.</param>
[GenerateSerializer, Immutable, Alias("cram.GlueTaskView")]
internal sealed record GlueTaskView(
    [property: Id(0)] bool Ended,
    [property: Id(1)] TerminationReason Reason,
    [property: Id(2)] string Message,
    [property: Id(3)] RunProgress? Progress,
    [property: Id(4)] IReadOnlyList<GlueScore> Scores,
    [property: Id(5)] IReadOnlyList<string> Notices);
