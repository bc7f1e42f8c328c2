using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram schedules</c>: draws what changes over a run, or every shape of the learning rate.</summary>
internal static class SchedulesCommand
{
    /// <summary>Runs one command line, without the leading <c>schedules</c>.</summary>
    public static int Run(string[] arguments)
    {
        var recipe = new Argument<string?>("RECIPE") { Description = "Recipe file whose learning rate, batch and masking are drawn.", Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "Draw every shape that schedule.kind can name." };
        var overrides = new Option<string[]>("--set") { Description = "A setting of the recipe, such as training.schedule.kind=one-cycle; may be repeated." };
        var output = new Option<string?>("--out") { Description = "SVG file to write; standard output unless given." };
        var json = new Option<bool>("--json") { Description = "Print the sampled values as one JSON object instead." };
        var command = new Command("schedules", "Draws schedules as SVG.\n\nExamples:\n  cram schedules recipes/crammed-bert-24h.json --out schedule.svg\n  cram schedules --all --out shapes.svg")
        {
            recipe, all, overrides, output, json,
        };
        command.SetAction(parsed =>
        {
            var (title, curves) = Curves(parsed.GetValue(recipe), parsed.GetValue(all), parsed.GetValue(overrides) ?? []);
            string text = parsed.GetValue(json)
                ? JsonSerializer.Serialize(new { Title = title, Curves = curves }, RecipeJson.Options)
                : ScheduleChart.Svg(title, curves);
            if (parsed.GetValue(output) is { } file)
            {
                File.WriteAllText(file, text);
                Console.WriteLine($"{file}: {curves.Count} curves");
            }
            else
            {
                Console.WriteLine(text);
            }

            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static (string Title, IReadOnlyList<ScheduleCurve> Curves) Curves(string? file, bool all, string[] overrides)
    {
        if (all == file is not null)
        {
            throw new ArgumentException("Name a recipe, such as recipes/crammed-bert-24h.json, or ask for --all, and not both.");
        }

        if (file is null)
        {
            return ("Learning-rate schedules, warm-up and cool-down of a tenth where a shape has them", ScheduleChart.AllShapes());
        }

        var recipe = LocalRecipes.Load(file, overrides);
        return ($"Schedules of {recipe.Name}", ScheduleChart.OfRecipe(recipe));
    }
}
