using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace CramGrains.Silo.Commands;

/// <summary><c>CramGrains.Silo bench-scheduler</c>: how fast it plans, how fast it takes runs in, and what finished runs cost in memory.</summary>
internal static class SchedulerBenchCommand
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static int Run(string[] arguments)
    {
        var recipe = new Argument<FileInfo>("RECIPE") { Description = "Recipe of the runs that are submitted, such as recipes/quickstart.json" };
        var items = new Option<int>("--waiting") { Description = "Waiting runs to plan.", DefaultValueFactory = _ => 10_000 };
        var devices = new Option<int>("--devices") { Description = "Devices to plan for.", DefaultValueFactory = _ => 1000 };
        var rate = new Option<int>("--rate") { Description = "Submits a second.", DefaultValueFactory = _ => 100 };
        var seconds = new Option<int>("--seconds") { Description = "How long runs are submitted; 0 leaves it out.", DefaultValueFactory = _ => 30 };
        var finished = new Option<int>("--finished") { Description = "Finished runs whose memory is measured; 0 leaves it out.", DefaultValueFactory = _ => 10_000 };
        var json = new Option<bool>("--json") { Description = "One JSON object a line." };
        var command = new RootCommand("Measures the scheduler on this machine.\n\nExample:\n  CramGrains.Silo bench-scheduler recipes/quickstart.json --seconds 10 --finished 0")
        {
            recipe, items, devices, rate, seconds, finished, json,
        };
        command.SetAction(async (p, cancellationToken) =>
        {
            FileInfo file = p.GetRequiredValue(recipe);
            (int waiting, int machines, int perSecond) = (p.GetValue(items), p.GetValue(devices), p.GetValue(rate));
            if (!file.Exists || waiting < 1 || machines < 1 || perSecond < 1)
            {
                await Console.Error.WriteLineAsync(file.Exists ? "--waiting, --devices and --rate must be at least 1." : $"{file} does not exist. Give a recipe.");
                return 2;
            }

            Print(PlanningBenchmark.Measure(waiting, machines, samples: 50), p.GetValue(json));
            if (p.GetValue(seconds) + p.GetValue(finished) > 0)
            {
                await using var silo = await BenchmarkSilo.StartAsync(await File.ReadAllTextAsync(file.FullName, cancellationToken), cancellationToken);
                if (p.GetValue(seconds) is > 0 and var duration)
                {
                    Print(await silo.SubmitAsync(perSecond, duration), p.GetValue(json));
                }

                if (p.GetValue(finished) is > 0 and var count)
                {
                    Print(await silo.FinishAsync(count), p.GetValue(json));
                }
            }

            return 0;
        });
        ParseResult parsed = command.Parse(arguments);
        return parsed.Errors.Count > 0 ? Math.Max(2, parsed.Invoke()) : parsed.InvokeAsync().GetAwaiter().GetResult();
    }

    private static void Print<T>(T figures, bool json)
    {
        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(figures, Json));
            return;
        }

        Console.Out.WriteLine(string.Join("  ", typeof(T).GetProperties().Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Name} {p.GetValue(figures):0.##}"))));
    }
}
