using System.Diagnostics;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>What the whole pretraining loop keeps of the speed of forward and backward alone.</summary>
/// <param name="Engine">Name of the engine.</param>
/// <param name="Device">Where it ran.</param>
/// <param name="Microbatch">Rows (B).</param>
/// <param name="Tokens">Tokens trained on.</param>
/// <param name="TrainingSeconds">Budget used: data, masking, passes, optimizer and reports.</param>
/// <param name="LoopTokensPerSecond">Of the loop.</param>
/// <param name="PassTokensPerSecond">Of forward and backward alone, measured right after it in this process.</param>
/// <param name="Fraction">The one over the other.</param>
/// <param name="Checkpoints">Checkpoints written.</param>
/// <param name="CheckpointSeconds">Mean time of one, for which the budget's clock stands still.</param>
/// <param name="FractionWithCheckpoints">The fraction in wall-clock time, with one checkpoint each interval of the recipe.</param>
/// <param name="FirstStepSeconds">From the start of the process to the end of the first optimizer step, the first held-out measurement included.</param>
/// <param name="LossFirst">Training loss of the first report.</param>
/// <param name="LossLast">Training loss of the last report.</param>
public sealed record LoopMeasurement(
    string Engine, string Device, int Microbatch, long Tokens, double TrainingSeconds, double LoopTokensPerSecond, double PassTokensPerSecond, double Fraction,
    int Checkpoints, double CheckpointSeconds, double FractionWithCheckpoints, double FirstStepSeconds, double LossFirst, double LossLast);

/// <summary>Runs the real loop for a short budget: its batch ramp and schedule are fractions of the budget, so it has the mix of batches of a long run.</summary>
public static class LoopBenchmark
{
    /// <summary>Trains in a folder that is deleted afterwards, then times the passes alone.</summary>
    /// <param name="recipe">The run; its budget is replaced.</param>
    /// <param name="rows">Rows to train on.</param>
    /// <param name="device">Where.</param>
    /// <param name="fused">The fast engine instead of the plain one.</param>
    /// <param name="seconds">Budget.</param>
    /// <param name="samples">Timed samples of the passes alone.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing.</param>
    /// <exception cref="NotSupportedException">The fast engine cannot train this recipe here; the message says why.</exception>
    public static LoopMeasurement Measure(Recipe recipe, ITokenRows rows, torch.Device device, bool fused, double seconds, int samples, string? cacheFolder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Recipe run = recipe with
        {
            BudgetHours = seconds / 3600, BudgetTokens = null, BudgetExaflop = null, HeldOut = recipe.HeldOut with { Evaluations = 1 },
            Checkpoints = recipe.Checkpoints with { IntervalSeconds = seconds / 2.5, Keep = 2 },
        };
        string folder = Path.Combine(Path.GetTempPath(), $"cram-loop-{Guid.NewGuid():N}");
        var events = new Events();
        try
        {
            using var scope = torch.NewDisposeScope();
            using IPretrainingEngine engine = EngineBenchmark.Create(run, run.Corpus.VocabularySize, device, fused, cacheFolder);
            var trainer = new Pretrainer(run, rows, rows, engine, new CheckpointStore(folder, 2), TimeProvider.System, events, "none");
            PretrainingResult result = trainer.Run(0, new PretrainingControl(), CancellationToken.None);
            double loop = result.TokensSeen / result.BudgetUsedSeconds, checkpoint = events.CheckpointSeconds / Math.Max(1, events.Checkpoints);
            double pass = EngineBenchmark.Passes(engine, run, samples).TokensPerSecond;
            return new(
                engine.Name, device.ToString(), run.Training.MicrobatchSize, result.TokensSeen, result.BudgetUsedSeconds, loop, pass, loop / pass,
                events.Checkpoints, checkpoint, loop / pass / (1 + (checkpoint / recipe.Checkpoints.IntervalSeconds)), events.FirstStepSeconds, events.LossFirst, events.LossLast);
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private sealed class Events : IProgress<TrainingEvent>
    {
        public int Checkpoints { get; private set; }

        public double CheckpointSeconds { get; private set; }

        public double FirstStepSeconds { get; private set; }

        public double LossFirst { get; private set; }

        public double LossLast { get; private set; }

        public void Report(TrainingEvent value)
        {
            switch (value)
            {
                case PretrainingProgress p:
                    if (FirstStepSeconds == 0)
                    {
                        using var process = Process.GetCurrentProcess();
                        (FirstStepSeconds, LossFirst) = ((DateTime.Now - process.StartTime).TotalSeconds, p.LossNats);
                    }

                    LossLast = p.LossNats;
                    break;
                case CheckpointWritten written:
                    Checkpoints++;
                    CheckpointSeconds += written.Seconds;
                    break;
            }
        }
    }
}
