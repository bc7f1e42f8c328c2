using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram bench</c>: how fast each engine trains a recipe here, and whether the fast one computes what the plain one does.</summary>
internal static class BenchCommand
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static int Run(string[] args)
    {
        var recipe = new Argument<string>("RECIPE") { Description = "Recipe whose model is timed, such as recipes/crammed-bert-24h.json" };
        var device = new Option<string?>("--device") { Description = "cuda:0 or cpu; a GPU where there is one" };
        var engine = new Option<string>("--engine") { Description = "eager, fused or both", DefaultValueFactory = _ => "both" };
        var microbatch = new Option<int[]>("--microbatch") { Description = "Sizes to try: --microbatch 128 256 512", AllowMultipleArgumentsPerToken = true };
        var samples = new Option<int>("--samples") { Description = "Timed samples each; the median counts", DefaultValueFactory = _ => 20 };
        var cache = new Option<string?>("--cache") { Description = "Folder for compiled kernels and chosen algorithms; none keeps nothing" };
        var set = new Option<string[]>("--set") { Description = "Overrides of the recipe: --set training.precision=float8", AllowMultipleArgumentsPerToken = true };
        var check = new Option<bool>("--check") { Description = "First compare loss and gradients of the engines, cut to two layers" };
        var kernels = new Option<bool>("--check-kernels") { Description = "Only hold every kernel to its plain twin in float64, on this shape and odd ones" };
        var capability = new Option<double?>("--as-capability") { Description = "For --check-kernels: compile for this older compute capability and keep to its limits: --as-capability 7.5" };
        var fineTune = new Option<int[]?>("--fine-tune")
        {
            Description = "Only time fine-tuning steps, at these numbers of tokens: --fine-tune 128 64", AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore,
        };
        var products = new Option<int[]?>("--products")
        {
            Description = "Only time a layer's matrix products in bfloat16 and FP8, at these numbers of tokens: --products 16384 65536",
            AllowMultipleArgumentsPerToken = true, Arity = ArgumentArity.OneOrMore,
        };
        var loop = new Option<double?>("--loop") { Description = "Only run the whole pretraining loop for so many seconds, and time the passes alone after it" };
        var curve = new Option<int?>("--curve") { Description = "Only print the loss of so many optimizer steps of one microbatch each" };
        var tokens = new Option<string?>("--tokens") { Description = "For --loop and --curve: a file of little-endian 16-bit token ids; random words otherwise" };
        var export = new Option<string?>("--export") { Description = "For --curve: also write weights and masked batches into this folder, for another program to repeat it" };
        var json = new Option<bool>("--json") { Description = "One JSON object a line" };
        var command = new Command(
            "bench",
            "Times forward + backward and the optimizer of each engine.\n\nExamples:\n  cram bench recipes/crammed-bert-24h.json --microbatch 128 512\n"
            + "  cram bench recipes/quickstart.json --device cpu --engine eager --microbatch 8 --json\n  cram bench recipes/crammed-bert-24h.json --fine-tune 128\n"
            + "  cram bench recipes/crammed-bert-24h.json --check-kernels")
        {
            recipe, device, engine, microbatch, samples, cache, set, check, kernels, capability, fineTune, products, loop, curve, tokens, export, json,
        };
        command.SetAction(p =>
        {
            Check(p.GetValue(microbatch) ?? [], p.GetValue(loop), p.GetValue(curve));
            return Start(
                p.GetRequiredValue(recipe), p.GetValue(set) ?? [], p.GetValue(device), p.GetValue(engine)!, p.GetValue(samples), p.GetValue(cache), p.GetValue(json),
                bench => p.GetValue(kernels) ? BenchChecks.Kernels(bench, p.GetValue(capability) is { } older ? (int)Math.Round(10 * older) : null)
                    : p.GetValue(fineTune) is { Length: > 0 } lengths ? BenchFineTuning.Measure(bench, lengths)
                    : p.GetValue(products) is { Length: > 0 } sizes ? BenchProducts.Measure(bench, sizes)
                    : p.GetValue(loop) is { } seconds ? BenchRuns.Loop(bench, seconds, p.GetValue(microbatch) ?? [], p.GetValue(tokens))
                    : p.GetValue(curve) is { } steps ? BenchRuns.Curve(bench, steps, p.GetValue(tokens), p.GetValue(export))
                    : Measure(bench, p.GetValue(microbatch) ?? [], p.GetValue(check)));
        });
        return CommandLineRun.Run(command, args);
    }

    private static int Start(
        string file, string[] overrides, string? where, string engine, int samples, string? cache, bool json, Func<Bench, int> work)
    {
        if (engine is not ("eager" or "fused" or "both") || samples < 1)
        {
            throw new ArgumentException($"--engine must be eager, fused or both and --samples at least 1, got {engine} and {samples}.");
        }

        Recipe recipe = LocalRecipes.Load(file, overrides);
        var device = LocalDevice.Choose(where);
        using var gpu = LocalDevice.Take(device, "cram bench");
        return work(new Bench(recipe, device, engine, samples, cache, json));
    }

    /// <summary>Refuses what no measurement can be made with, before anything is made.</summary>
    private static void Check(int[] sizes, double? seconds, int? steps)
    {
        if (sizes.Any(size => size < 1))
        {
            throw new ArgumentException($"--microbatch must be 1 row or more, got {sizes.First(size => size < 1)}.");
        }

        if (seconds is { } given && !(given > 0 && double.IsFinite(given)))
        {
            throw new ArgumentException(FormattableString.Invariant($"--loop must be a number of seconds above 0, got {given}."));
        }

        if (steps < 1)
        {
            throw new ArgumentException($"--curve must be 1 step or more, got {steps}.");
        }
    }

    private static int Measure(Bench bench, int[] sizes, bool check)
    {
        bool passed = !check || BenchChecks.Engines(bench);
        bool any = false;
        foreach (int size in sizes.Length > 0 ? sizes : [bench.Recipe.Training.MicrobatchSize])
        {
            any |= bench.ForEachEngine($"microbatch {size}", fused =>
            {
                Recipe sized = bench.Recipe with { Training = bench.Recipe.Training with { MicrobatchSize = size, BatchSize = size } };
                Print(bench, EngineBenchmark.Measure(sized, bench.Recipe.Corpus.VocabularySize, bench.Device, fused, bench.Samples, bench.Cache));
            });
        }

        return any && passed ? 0 : 1;
    }

    private static void Print(Bench bench, EngineMeasurement m)
    {
        Recipe recipe = bench.Recipe;
        double flops = ModelCost.FlopsPerToken(recipe.Architecture, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength, recipe.Training.MaskFraction);
        // Dense bfloat16 peak of an H100 SXM; no other GPU's is claimed.
        double? mfu = m.Device.StartsWith("cuda", StringComparison.Ordinal) ? flops * m.TokensPerSecond / 989.4e12 : null;
        Console.Out.WriteLine(bench.Json
            ? Bench.Line(new { m.Engine, m.Precision, m.Device, m.Microbatch, m.ForwardBackwardMs, m.TokensPerSecond, Mfu = mfu, m.OptimizerMs, m.PeakBytes, m.FirstStepSeconds })
            : $"{m.Engine,-6} {m.Precision,-9} {m.Device,-7} microbatch {m.Microbatch,4}  {m.ForwardBackwardMs,9:F2} ms  {m.TokensPerSecond,10:N0} tokens/s  "
                + $"MFU against 989 TFLOP/s {(mfu is { } f ? f.ToString("P1", null) : "-")}  optimizer {m.OptimizerMs:F2} ms  "
                + $"{(m.PeakBytes is { } b ? $"{b / (double)(1 << 30):F1} GiB" : "-")}  first step {m.FirstStepSeconds:F1} s");
    }

    /// <summary>What every mode needs.</summary>
    internal sealed record Bench(Recipe Recipe, torch.Device Device, string Engine, int Samples, string? Cache, bool Json)
    {
        public static string Line(object values) => JsonSerializer.Serialize(values, BenchCommand.Json);

        /// <summary>Runs both engines or the one asked for; what one cannot do is said, and the other goes on.</summary>
        public bool ForEachEngine(string what, Action<bool> measure)
        {
            bool any = false;
            foreach (bool fused in (bool[])[false, true])
            {
                if (Engine == (fused ? "eager" : "fused"))
                {
                    continue;
                }

                try
                {
                    measure(fused);
                    any = true;
                }
                catch (Exception error) when (error is NotSupportedException or Model.Cuda.CudaException or System.Runtime.InteropServices.ExternalException)
                {
                    Console.Error.WriteLine($"{(fused ? "fused" : "eager")}, {what}: {error.Message.Split('\n')[0]}");
                }
            }

            return any;
        }
    }
}
