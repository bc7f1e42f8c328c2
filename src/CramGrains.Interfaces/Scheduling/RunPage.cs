using CramGrains.Interfaces.Runs;

namespace CramGrains.Interfaces.Scheduling;

/// <summary>Which runs to list. A cluster has tens of thousands after a while, so they come in pages.</summary>
/// <param name="Limit">At most so many; more than <see cref="LargestLimit"/> are never given at once.</param>
/// <param name="After">Only runs that are listed after this one: the last of the page before. Null begins with the newest.</param>
/// <param name="UnfinishedOnly">Only those that have not ended.</param>
/// <param name="IdPrefix">Only those whose id begins so; null for all.</param>
[GenerateSerializer, Immutable, Alias("cram.RunQuery")]
public sealed record RunQuery(
    [property: Id(0)] int Limit,
    [property: Id(1)] string? After = null,
    [property: Id(2)] bool UnfinishedOnly = false,
    [property: Id(3)] string? IdPrefix = null)
{
    /// <summary>The longest page.</summary>
    public const int LargestLimit = 500;
}

/// <summary>Runs, newest first.</summary>
/// <param name="Runs">The runs.</param>
/// <param name="Next">What to give as <see cref="RunQuery.After"/> for the next page; null when this is the last.</param>
/// <param name="Problem">Why there are none; null when nothing is wrong.</param>
[GenerateSerializer, Immutable, Alias("cram.RunPage")]
public sealed record RunPage([property: Id(0)] IReadOnlyList<RunView> Runs, [property: Id(1)] string? Next, [property: Id(2)] string? Problem = null);
