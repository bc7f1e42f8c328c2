using System.CommandLine;
using System.Text.Json;
using CramGrains.Model;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram bench</c>: how fast each engine trains a recipe here, and with <c>--check</c>, whether the fast one computes what the plain one does.</summary>
internal static class BenchCommand
{
    private const double CheckTolerance = 3e-2;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static int Run(string[] args)
    {
        var recipe = new Argument<FileInfo>("recipe") { Description = "Recipe whose model is timed, such as recipes/crammed-bert-24h.json" };
        var device = new Option<string?>("--device") { Description = "cuda:0 or cpu; a GPU where there is one" };
        var engine = new Option<string>("--engine") { Description = "eager, fused or both", DefaultValueFactory = _ => "both" };
        var microbatch = new Option<int[]>("--microbatch") { Description = "Sizes to try: --microbatch 128 256 512", AllowMultipleArgumentsPerToken = true };
        var samples = new Option<int>("--samples") { Description = "Timed samples each; the median counts", DefaultValueFactory = _ => 20 };
        var cache = new Option<string?>("--cache") { Description = "Folder for compiled kernels and chosen algorithms; none keeps nothing" };
        var check = new Option<bool>("--check") { Description = "First compare loss and gradients of the engines, cut to two layers" };
        var json = new Option<bool>("--json") { Description = "One JSON object a line" };
        var command = new RootCommand(
            "Times forward + backward and the optimizer of each engine.\n\nExamples:\n  cram bench recipes/crammed-bert-24h.json --microbatch 128 512\n  cram bench recipes/quickstart.json --device cpu --engine eager --microbatch 8 --json")
        {
            recipe, device, engine, microbatch, samples, cache, check, json,
        };
        command.SetAction(p => Measure(
            p.GetRequiredValue(recipe), p.GetValue(device), p.GetValue(engine)!, p.GetValue(microbatch) ?? [], p.GetValue(samples), p.GetValue(cache), p.GetValue(check), p.GetValue(json)));
        ParseResult parsed = command.Parse(args);
        return parsed.Errors.Count > 0 ? Math.Max(2, parsed.Invoke()) : parsed.Invoke();
    }

    private static int Measure(FileInfo file, string? where, string engine, int[] sizes, int samples, string? cache, bool check, bool json)
    {
        if (!file.Exists || engine is not ("eager" or "fused" or "both") || samples < 1)
        {
            Console.Error.WriteLine(!file.Exists ? $"{file} does not exist. Give a recipe." : $"--engine must be eager, fused or both and --samples at least 1, got {engine} and {samples}.");
            return 2;
        }

        RecipeLoadResult loaded = RecipeLoader.Load(File.ReadAllText(file.FullName), file.FullName, []);
        if (loaded.Recipe is not { } recipe)
        {
            loaded.Problems.ToList().ForEach(Console.Error.WriteLine);
            return 2;
        }

        TorchRuntimeInfo torchInfo = TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
        var device = torch.device(where ?? (torchInfo.CudaDevices > 0 ? "cuda:0" : "cpu"));
        bool passed = !check || Check(recipe, device, cache);
        bool any = false;
        foreach (int size in sizes.Length > 0 ? sizes : [recipe.Training.MicrobatchSize])
        {
            foreach (bool fused in (bool[])[false, true])
            {
                if (engine == (fused ? "eager" : "fused"))
                {
                    continue;
                }

                try
                {
                    Recipe sized = recipe with { Training = recipe.Training with { MicrobatchSize = size } };
                    Print(recipe, EngineBenchmark.Measure(sized, recipe.Corpus.VocabularySize, device, fused, samples, cache), json);
                    any = true;
                }
                catch (Exception error) when (error is NotSupportedException or Model.Cuda.CudaException or System.Runtime.InteropServices.ExternalException)
                {
                    Console.Error.WriteLine($"{(fused ? "fused" : "eager")}, microbatch {size}: {error.Message.Split('\n')[0]}");
                }
            }
        }

        return any && passed ? 0 : 1;
    }

    private static bool Check(Recipe recipe, torch.Device device, string? cache)
    {
        Recipe small = recipe with
        {
            Architecture = recipe.Architecture with { Layers = 2 },
            Training = recipe.Training with { MicrobatchSize = Math.Min(8, recipe.Training.MicrobatchSize) },
        };
        try
        {
            EngineAgreement a = EngineCheck.Compare(small, recipe.Corpus.VocabularySize, device, cache);
            Console.Error.WriteLine($"check: loss {a.LossPlain:F5} plain, {a.LossFused:F5} fused; same seed, same losses: {a.SameSeedSameLosses}; gradient errors, largest first:");
            foreach ((string name, double error) in a.GradientErrors)
            {
                Console.Error.WriteLine($"  {name,-28} {error:E2}");
            }

            return a.SameSeedSameLosses && a.GradientErrors.All(e => e.Error < CheckTolerance);
        }
        catch (Exception error) when (error is NotSupportedException or Model.Cuda.CudaException)
        {
            Console.Error.WriteLine($"check: {error.Message}");
            return false;
        }
    }

    private static void Print(Recipe recipe, EngineMeasurement m, bool json)
    {
        double flops = ModelCost.FlopsPerToken(recipe.Architecture, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength, recipe.Training.MaskFraction);
        // Dense bfloat16 peak of an H100 SXM; no other GPU's is claimed.
        double? mfu = m.Device.StartsWith("cuda", StringComparison.Ordinal) ? flops * m.TokensPerSecond / 989.4e12 : null;
        Console.Out.WriteLine(json
            ? JsonSerializer.Serialize(new { m.Engine, m.Device, m.Microbatch, m.ForwardBackwardMs, m.TokensPerSecond, Mfu = mfu, m.OptimizerMs, m.PeakBytes, m.FirstStepSeconds }, Json)
            : $"{m.Engine,-6} {m.Device,-7} microbatch {m.Microbatch,4}  {m.ForwardBackwardMs,9:F2} ms  {m.TokensPerSecond,10:N0} tokens/s  "
                + $"MFU against 989 TFLOP/s {(mfu is { } f ? f.ToString("P1", null) : "-")}  optimizer {m.OptimizerMs:F2} ms  "
                + $"{(m.PeakBytes is { } b ? $"{b / (double)(1 << 30):F1} GiB" : "-")}  first step {m.FirstStepSeconds:F1} s");
    }
}
