using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Data;

/// <summary>One corpus; key is the digest of its request. Prepares it once, whoever asks and from wherever.</summary>
[Alias("cram.ICorpusGrain")]
internal interface ICorpusGrain : IGrainWithStringKey
{
    /// <summary>Says how far the corpus is and gets it going unless it is. A run that asks for the first time gives a failed corpus another try.</summary>
    [Alias("Ensure"), ResponseTimeout("00:00:10")]
    Task<CorpusView> EnsureAsync(CorpusOrder order);

    /// <summary>The run no longer needs it; when nobody does, preparing stops.</summary>
    [Alias("Forget"), ResponseTimeout("00:00:10")]
    Task ForgetAsync(string runId);
}

/// <param name="RunId">Who asks.</param>
/// <param name="RecipeJson">Its canonical recipe, whose corpus part is the request.</param>
/// <param name="Machine">The machine that has the sources.</param>
/// <param name="OrderedAt">When the run was submitted.</param>
/// <param name="GlueFolder">GLUE files whose sentences the corpus must not hold, on that machine; null where the run has none.</param>
[GenerateSerializer, Immutable, Alias("cram.CorpusOrder")]
internal sealed record CorpusOrder(
    [property: Id(0)] string RunId, [property: Id(1)] string RecipeJson, [property: Id(2)] string Machine, [property: Id(3)] DateTimeOffset OrderedAt,
    [property: Id(4)] string? GlueFolder = null);

/// <summary>How far a corpus is. Values are stored; they are never renumbered or reused.</summary>
internal enum CorpusState
{
    /// <summary>Nobody has asked for it.</summary>
    Absent = 0,

    /// <summary>Being prepared, or waiting for a place where it can be.</summary>
    Preparing = 1,

    /// <summary>Ready to be read.</summary>
    Ready = 2,

    /// <summary>It could not be prepared.</summary>
    Failed = 3,
}

/// <param name="State">How far it is.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="Message">One sentence for people.</param>
/// <param name="Machine">The machine that has it.</param>
/// <param name="Tokens">Training tokens, once ready.</param>
/// <param name="Progress">While it is being prepared.</param>
/// <param name="Notices">What users of the corpus should know.</param>
/// <param name="Digest">Content address, once ready: the name of its folder.</param>
[GenerateSerializer, Immutable, Alias("cram.CorpusView")]
internal sealed record CorpusView(
    [property: Id(0)] CorpusState State,
    [property: Id(1)] TerminationReason Reason,
    [property: Id(2)] string Message,
    [property: Id(3)] string Machine,
    [property: Id(4)] long? Tokens,
    [property: Id(5)] RunProgress? Progress,
    [property: Id(6)] IReadOnlyList<string> Notices,
    [property: Id(7)] string? Digest);
