using System.CommandLine;
using System.Diagnostics;
using CramGrains.Silo.Simulation;

namespace CramGrains.Silo.Commands;

/// <summary><c>CramGrains.Silo simulate</c>: many seeded worlds; a seed that breaks an invariant is printed with how to play it again.</summary>
internal static class SimulateCommand
{
    public static int Run(string[] arguments)
    {
        var seeds = new Option<long>("--seeds") { Description = "How many worlds.", DefaultValueFactory = _ => 1000 };
        var seed = new Option<ulong>("--seed") { Description = "The first seed; the others follow it.", DefaultValueFactory = _ => 1 };
        var sabotage = new Option<Sabotage>("--sabotage") { Description = "A mistake put into the world, to see that it is found.", DefaultValueFactory = _ => Sabotage.None };
        var trace = new Option<bool>("--trace") { Description = "Print what happened in the first world, or in the one that failed." };
        var keepGoing = new Option<bool>("--keep-going") { Description = "Play all worlds though one has failed, and print each that did." };
        var command = new RootCommand(
            "Plays the scheduler, runs, attempts, leases and budgets in simulated worlds where messages get lost, machines die, the network is cut and clocks jump.\n\n"
            + "Examples:\n  CramGrains.Silo simulate --seeds 100000\n  CramGrains.Silo simulate --seeds 1 --seed 4711 --trace")
        {
            seeds, seed, sabotage, trace, keepGoing,
        };
        command.SetAction(p => Play(p.GetValue(seeds), p.GetValue(seed), p.GetValue(sabotage), p.GetValue(trace), p.GetValue(keepGoing)));
        ParseResult parsed = command.Parse(arguments);
        return parsed.Errors.Count > 0 ? Math.Max(2, parsed.Invoke()) : parsed.Invoke();
    }

    private static int Play(long seeds, ulong first, Sabotage sabotage, bool trace, bool keepGoing)
    {
        var watch = Stopwatch.StartNew();
        SimulationCampaign.Outcome outcome = SimulationCampaign.Run(first, seeds, sabotage, Environment.ProcessorCount, keepGoing, (done, result) =>
        {
            if (keepGoing && result.Violation is not null)
            {
                Console.Out.WriteLine($"seed {result.Seed} FAILED {result.Violation}");
            }

            if (done % 10_000 == 0)
            {
                Console.Error.WriteLine($"{done} of {seeds} worlds, {watch.Elapsed.TotalSeconds:0} s");
            }
        });
        Console.Out.WriteLine(
            $"{outcome.Worlds} worlds, {outcome.Events} events, {outcome.Virtual.TotalDays:0.0} virtual days, {outcome.Attempts} attempts, {outcome.Preemptions} preemptions, "
            + $"{watch.Elapsed.TotalSeconds:0.0} s");
        if (outcome.Failed is not { } failed)
        {
            if (trace)
            {
                Print(SimulationPlanOf(first));
            }

            Console.Out.WriteLine("every invariant held");
            return 0;
        }

        if (!keepGoing)
        {
            Console.Out.WriteLine($"seed {failed.Seed} FAILED {failed.Violation}");
        }

        Console.Out.WriteLine($"again: CramGrains.Silo simulate --seeds 1 --seed {failed.Seed}{(sabotage == Sabotage.None ? "" : $" --sabotage {sabotage}")} --trace");
        if (trace)
        {
            Print(SimulationPlanOf(failed.Seed));
        }

        return 1;

        SimulationPlan SimulationPlanOf(ulong which) => new(which, sabotage);
    }

    private static void Print(SimulationPlan plan)
    {
        foreach (string line in Simulation.Simulation.Run(plan, keepTrace: true).Trace)
        {
            Console.Out.WriteLine(line);
        }
    }
}
