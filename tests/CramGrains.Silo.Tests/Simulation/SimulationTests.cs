using CramGrains.Silo.Simulation;

namespace CramGrains.Silo.Tests.Simulation;

/// <summary>The decisions of scheduler, runs, attempts, trainers and budget clocks in worlds where everything breaks. 100,000 seeds: <c>CramGrains.Silo simulate --seeds 100000</c>.</summary>
public sealed class SimulationTests
{
    private const int Seeds = 1000;
    private const int SeedsForSabotage = 2000;

    [Fact]
    public void Run_ThousandSeeds_EveryInvariantHolds()
    {
        SimulationCampaign.Outcome outcome = SimulationCampaign.Run(1, Seeds, Sabotage.None, Environment.ProcessorCount);

        Assert.True(outcome.Failed is null, $"seed {outcome.Failed?.Seed}: {outcome.Failed?.Violation}\nagain: CramGrains.Silo simulate --seeds 1 --seed {outcome.Failed?.Seed} --trace");
        Assert.Equal(Seeds, outcome.Worlds);
        Assert.True(outcome.Attempts > 5 * Seeds, $"{outcome.Attempts} attempts: hardly anything broke");
        Assert.True(outcome.Preemptions > Seeds / 10, $"{outcome.Preemptions} preemptions");
    }

    [Fact]
    public void Run_SameSeedTwice_IsTheSameToTheLastEvent()
    {
        SimulationResult first = Silo.Simulation.Simulation.Run(new SimulationPlan(7), keepTrace: true), second = Silo.Simulation.Simulation.Run(new SimulationPlan(7));

        Assert.Equal((first.Digest, first.Events, first.Virtual), (second.Digest, second.Events, second.Virtual));
        Assert.NotEmpty(first.Trace);
        Assert.NotEqual(first.Digest, Silo.Simulation.Simulation.Run(new SimulationPlan(8)).Digest);
    }

    [Fact]
    public void Run_KeepGoing_PlaysEverySeedAndTellsOfEachThatFails()
    {
        const int Few = 100;
        List<ulong> failed = [];
        SimulationCampaign.Outcome outcome = SimulationCampaign.Run(1, Few, Sabotage.StorageIgnoresVersions, Environment.ProcessorCount, keepGoing: true, (_, result) =>
        {
            if (result.Violation is not null)
            {
                failed.Add(result.Seed);
            }
        });

        Assert.Equal(Few, outcome.Worlds);
        Assert.True(failed.Count > 1, $"{failed.Count} of {Few} worlds failed");
        Assert.Equal(failed.Min(), outcome.Failed?.Seed);
    }

    /// <summary>An invariant that nothing can break is worth nothing: each mistake put in on purpose is found, and its seed plays again.</summary>
    [Theory]
    [InlineData(nameof(Sabotage.WorkersIgnoreLeases))]
    [InlineData(nameof(Sabotage.StorageIgnoresVersions))]
    [InlineData(nameof(Sabotage.StorageAnswersEarly))]
    [InlineData(nameof(Sabotage.BudgetIgnoresEpochs))]
    [InlineData(nameof(Sabotage.CheckpointsIgnoreEpochs))]
    public void Run_Sabotage_IsFoundAndPlaysAgain(string mistake)
    {
        Sabotage sabotage = Enum.Parse<Sabotage>(mistake); // an internal type cannot stand in a test's signature
        SimulationCampaign.Outcome outcome = SimulationCampaign.Run(1, SeedsForSabotage, sabotage, Environment.ProcessorCount);

        Assert.True(outcome.Failed is not null, $"{mistake} was not found in {SeedsForSabotage} worlds");
        Assert.Equal(outcome.Failed.Violation, Silo.Simulation.Simulation.Run(new SimulationPlan(outcome.Failed.Seed, sabotage)).Violation);
    }
}
