using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram estimate</c>: what a recipe costs and how far its budget goes, without running it.</summary>
internal static class EstimateCommand
{
    private static readonly JsonSerializerOptions SnakeCase = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Runs one command line, without the leading <c>estimate</c>.</summary>
    public static int Run(string[] arguments)
    {
        var recipe = new Argument<string>("RECIPE") { Description = "Recipe file, such as recipes/crammed-bert-24h.json." };
        var overrides = new Option<string[]>("--set") { Description = "A setting of the recipe, such as architecture.layers=12; may be repeated." };
        var gpu = new Option<string?>("--gpu") { Description = $"Device, for its peak: {string.Join(", ", GpuPeaks.Teraflops.Keys)}." };
        var peak = new Option<double?>("--peak") { Description = "Peak of another device: dense bfloat16 or float16 TFLOPS." };
        var utilization = new Option<double?>("--mfu") { Description = "Expected fraction of the peak spent on model operations, such as 0.4." };
        var speed = new Option<double?>("--tokens-per-second") { Description = "Measured training speed, instead of --mfu." };
        var corpus = new Option<long?>("--corpus-tokens") { Description = "Training tokens of the corpus, for epochs." };
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new Command(
            "estimate",
            "Estimates parameters, compute, tokens and memory of a recipe. Example: cram estimate recipes/crammed-bert-24h.json --gpu A6000 --tokens-per-second 105500")
        {
            recipe, overrides, gpu, peak, utilization, speed, corpus, json,
        };
        command.SetAction(parsed =>
        {
            var estimate = RunEstimate.Of(
                LocalRecipes.Load(parsed.GetRequiredValue(recipe), parsed.GetValue(overrides)), Peak(parsed.GetValue(gpu), parsed.GetValue(peak)), parsed.GetValue(utilization), parsed.GetValue(speed), parsed.GetValue(corpus));
            if (parsed.GetValue(json))
            {
                Console.WriteLine(Json(estimate));
            }
            else
            {
                Print(estimate);
            }

            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static double? Peak(string? gpu, double? peak)
    {
        if (gpu is null)
        {
            return peak;
        }

        if (peak is not null)
        {
            throw new ArgumentException("--gpu and --peak both name a peak. Give one of them.");
        }

        return GpuPeaks.Teraflops.TryGetValue(gpu, out double known)
            ? known
            : throw new ArgumentException($"--gpu must be one of {string.Join(", ", GpuPeaks.Teraflops.Keys)}, got '{gpu}'. For another give --peak TFLOPS.");
    }

    private static string Json(RunEstimate estimate) => JsonSerializer.Serialize(
        new
        {
            estimate.Recipe,
            estimate.Track,
            estimate.Parameters,
            estimate.FlopsPerToken,
            estimate.Hours,
            estimate.PeakTeraflops,
            Exaflop = estimate.PeakExaflop,
            estimate.ModelExaflop,
            Mfu = estimate.ModelFlopsUtilization,
            estimate.TokensPerSecond,
            estimate.Tokens,
            estimate.Epochs,
            estimate.StateBytes,
            estimate.ActivationBytes,
        },
        SnakeCase);

    private static void Print(RunEstimate estimate)
    {
        const double Gibi = 1L << 30, MostRounding = 0.05;
        Console.WriteLine($"{"track",-30} {estimate.Track}");
        Row("parameters", estimate.Parameters / 1e6, "0.0 M");
        Row("model FLOPs per token", estimate.FlopsPerToken / 1e6, "0.0 MFLOP", "");
        Row("training time", estimate.Hours, "0.### h", "give --mfu with a GPU, or --tokens-per-second");
        Row("peak compute in that time", estimate.PeakExaflop, "0.00 exaFLOP", "give --gpu or --peak");
        Row("model compute", estimate.ModelExaflop, "0.000 exaFLOP", "give --mfu with a GPU, or --tokens-per-second");
        Row("model FLOPs utilization", estimate.ModelFlopsUtilization * 100, "0.0 '%'", "give --gpu or --peak, and a speed");
        Row("tokens per second", estimate.TokensPerSecond, "#,0", "give --mfu with a GPU, or --tokens-per-second");
        Row("tokens", estimate.Tokens / 1e9, "0.000 'billion'", "give --mfu with a GPU, or --tokens-per-second");
        Row("epochs over the corpus", estimate.Epochs, "0.00", "give --corpus-tokens and a speed");
        Row("weights, gradients, optimizer", estimate.StateBytes / Gibi, "0.00 GiB");
        Row("activations of a microbatch", estimate.ActivationBytes / Gibi, "about 0.0 GiB");

        static void Row(string what, double? value, string format, string missing = "") => Console.WriteLine(
            $"{what,-30} {(value is { } number ? Text(number, format) : $"unknown: {missing}")}");

        static string Text(double number, string format)
        {
            int digits = format.IndexOfAny(['0', '#']), end = format.IndexOf(' ', digits);
            string shown = number.ToString(end < 0 ? format[digits..] : format[digits..end], CultureInfo.InvariantCulture);
            // A small model or budget would read as none.
            bool far = Math.Abs(double.Parse(shown, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture) - number) > MostRounding * Math.Abs(number);
            return format[..digits] + (far ? number.ToString("G3", CultureInfo.InvariantCulture) : shown) + (end < 0 ? "" : format[end..].Replace("'", "", StringComparison.Ordinal));
        }
    }
}
