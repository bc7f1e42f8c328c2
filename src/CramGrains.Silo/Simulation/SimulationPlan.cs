namespace CramGrains.Silo.Simulation;

/// <summary>A mistake put into the simulated world on purpose, to show that the invariants see it.</summary>
internal enum Sabotage
{
    /// <summary>None: the world as it is meant to be.</summary>
    None = 0,

    /// <summary>Workers train on after their lease has run out.</summary>
    WorkersIgnoreLeases = 1,

    /// <summary>Storage accepts every write, whoever has written since.</summary>
    StorageIgnoresVersions = 2,

    /// <summary>Storage says that it has written before it has.</summary>
    StorageAnswersEarly = 3,

    /// <summary>The budget clock hears every epoch.</summary>
    BudgetIgnoresEpochs = 4,

    /// <summary>A checkpoint folder takes checkpoints of overtaken attempts.</summary>
    CheckpointsIgnoreEpochs = 5,
}

/// <summary>What one simulated world consists of. Everything else follows from the seed.</summary>
/// <param name="Seed">Two worlds of one seed are the same to the last event.</param>
/// <param name="Sabotage">A mistake put in on purpose.</param>
internal sealed record SimulationPlan(ulong Seed, Sabotage Sabotage = Sabotage.None)
{
    public int Machines { get; init; } = 3;

    public int Runs { get; init; } = 4;

    /// <summary>For so long things break; after that the world is left in peace and everything must come to its end.</summary>
    public TimeSpan Chaos { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>Whatever has not ended so long after the chaos never will.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromHours(2);
}

/// <summary>How one world went.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Violation">What was broken; null when everything held.</param>
/// <param name="Events">Events that were played.</param>
/// <param name="Virtual">Time that passed in the world.</param>
/// <param name="Digest">Hash of all that happened: equal for equal seeds.</param>
/// <param name="Trace">The last things that happened, where they were kept.</param>
/// <param name="Attempts">Workers that pretrained.</param>
/// <param name="Preemptions">Holders told to give way.</param>
internal sealed record SimulationResult(
    ulong Seed, string? Violation, long Events, TimeSpan Virtual, ulong Digest, IReadOnlyList<string> Trace, int Attempts, int Preemptions);

/// <summary>An invariant that did not hold.</summary>
internal sealed class ViolationException(string message) : Exception(message);
