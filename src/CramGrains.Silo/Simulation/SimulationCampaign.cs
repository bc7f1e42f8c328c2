namespace CramGrains.Silo.Simulation;

/// <summary>Many worlds, on as many threads as are given; each world is on one.</summary>
internal static class SimulationCampaign
{
    /// <param name="Worlds">Worlds played.</param>
    /// <param name="Events">Events in all of them.</param>
    /// <param name="Virtual">Time that passed in all of them.</param>
    /// <param name="Attempts">Workers that pretrained.</param>
    /// <param name="Preemptions">Holders told to give way.</param>
    /// <param name="Failed">The lowest seed that broke an invariant; null when none did.</param>
    public sealed record Outcome(long Worlds, long Events, TimeSpan Virtual, long Attempts, long Preemptions, SimulationResult? Failed);

    /// <param name="first">First seed.</param>
    /// <param name="count">How many seeds.</param>
    /// <param name="sabotage">A mistake put into each world.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="keepGoing">Whether all seeds are played though one has failed.</param>
    /// <param name="progress">Told of each world, from any thread.</param>
    public static Outcome Run(ulong first, long count, Sabotage sabotage, int threads, bool keepGoing = false, Action<long, SimulationResult>? progress = null)
    {
        var gate = new Lock();
        var total = new Outcome(0, 0, TimeSpan.Zero, 0, 0, null);
        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, (i, loop) =>
        {
            SimulationResult result = Simulation.Run(new SimulationPlan(first + (ulong)i, sabotage));
            lock (gate)
            {
                bool lowest = result.Violation is not null && (total.Failed is null || result.Seed < total.Failed.Seed);
                total = new Outcome(
                    total.Worlds + 1, total.Events + result.Events, total.Virtual + result.Virtual, total.Attempts + result.Attempts,
                    total.Preemptions + result.Preemptions, lowest ? result : total.Failed);
                progress?.Invoke(total.Worlds, result);
            }

            if (result.Violation is not null && !keepGoing)
            {
                loop.Break(); // lower seeds are still played, so that the same seed is found every time
            }
        });
        return total;
    }
}
