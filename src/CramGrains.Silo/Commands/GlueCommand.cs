using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram glue</c>: the paper's GLUE protocol on this machine, for runs of ours, exports, and models of Hugging Face, in one table with baselines.</summary>
internal static class GlueCommand
{
    private static readonly string[] Baselines = [GlueRuns.Majority, GlueRuns.Untrained];

    /// <summary>Runs one command line, without the leading <c>glue</c>.</summary>
    public static int Run(string[] arguments)
    {
        var models = new Argument<string[]>("MODEL")
        {
            Description = "Runs, checkpoints, exports, or folders of BERT or RoBERTa (config.json, model.safetensors, tokenizer), one column each.", Arity = ArgumentArity.ZeroOrMore,
        };
        var named = new Option<string[]>("--model") { Description = "As MODEL; may be repeated." };
        var glue = GlueOption();
        var tasks = new Option<string[]>("--tasks") { Description = "Tasks, such as cola,mrpc; all of the setting whose files are there unless given." };
        var seeds = new Option<int?>("--seeds") { Description = "Seeds of each task; 5 in the paper." };
        var baseline = new Option<string[]>("--baseline") { Description = "majority, untrained; may be repeated. The untrained model has the first model's shape." };
        var overrides = new Option<string[]>("--set") { Description = "A fine-tuning setting, such as learning_rate=2e-5 or pooling=masked-mean; may be repeated." };
        var results = new Option<string?>("--results") { Description = "Folder that keeps every result, one folder a model: run again, it goes on where it was. A run's own results are kept beside it." };
        var keep = new Option<bool>("--keep") { Description = "Keeps the fine-tuned model of each task's first seed beside the run (or in --results), for cram predict." };
        var found = new Option<bool>("--found-only") { Description = "Runs nothing: the table of the results that are there." };
        var home = HomeOption();
        var device = LocalDevice.Option();
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new Command(
            "glue",
            "Fine-tunes and scores models on GLUE with one setting for all tasks, on this machine.\n\nExamples:\n  cram glue ~/.cramgrains/runs/r-1 --glue ~/glue --baseline majority --baseline untrained\n"
            + "  cram glue --model bert-base-uncased/ --glue ~/glue --tasks cola,mrpc --seeds 3 --set learning_rate=2e-5 --set batch_size=32")
        {
            models, named, glue, tasks, seeds, baseline, overrides, results, keep, found, home, device, json, GlueSubmitCommand.Create(), GlueSubmitCommand.CreateCheck(),
        };
        command.SetAction(parsed =>
        {
            string[] sources = [.. parsed.GetValue(models) ?? [], .. parsed.GetValue(named) ?? []];
            string[] wantedBaselines = [.. (parsed.GetValue(baseline) ?? []).SelectMany(name => name.Split(',')).Distinct()];
            Check(sources, wantedBaselines);
            string folder = parsed.GetValue(glue) ?? throw new ArgumentException("--glue DIR is needed: the folder that holds the official GLUE folders (CoLA, SST-2, ...).");
            var place = LocalDevice.Choose(parsed.GetValue(device));
            using var gpu = parsed.GetValue(found) ? null : LocalDevice.Take(place, "cram glue");
            var opened = new List<PretrainedModel>();
            try
            {
                opened.AddRange(sources.Select(source => PretrainedModel.Open(source, parsed.GetValue(home))));
                var recipe = Settings(opened.FirstOrDefault()?.Recipe, parsed.GetValue(overrides) ?? [], parsed.GetValue(seeds), parsed.GetValue(tasks) ?? []);
                LocalDevice.UntilInterrupted(stop =>
                {
                    var runs = new GlueRuns(recipe, folder, place, parsed.GetValue(results), parsed.GetValue(keep), parsed.GetValue(found), Console.Error.WriteLine, stop);
                    var table = runs.Evaluate(opened, wantedBaselines);
                    Console.WriteLine(parsed.GetValue(json) ? Json(table, recipe, runs.Tasks) : GlueTable.Markdown([.. table.Where(model => model.Scores.Count > 0)]));
                });
            }
            finally
            {
                opened.ForEach(model => model.Dispose());
            }

            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    /// <summary>The option that names the GLUE files.</summary>
    public static Option<string?> GlueOption() => new("--glue") { Description = "Folder with GLUE in its official TSV layout (CoLA/, SST-2/, ...)." };

    /// <summary>The option that names a silo's home, for runs by their id.</summary>
    public static Option<string?> HomeOption() => new("--home") { Description = "Home folder of the silo that ran it, to name a run by its id; otherwise found from the run's folder." };

    /// <summary>The setting: the run's own or the paper's, with what the command line changes.</summary>
    /// <exception cref="ArgumentException">Every reason why not.</exception>
    public static FineTuningRecipe Settings(Recipe? recipe, IReadOnlyList<string> overrides, int? seeds = null, IReadOnlyList<string>? tasks = null)
    {
        List<string> all = [.. overrides];
        if (seeds is { } count)
        {
            all.Add($"seeds={count}");
        }

        if (tasks is { Count: > 0 })
        {
            all.Add($"tasks={string.Join(',', tasks)}");
        }

        var (changed, problems) = FineTuningSettings.With(recipe?.FineTuning ?? FineTuningSettings.Paper, all);
        return changed ?? throw new ArgumentException(string.Join('\n', problems));
    }

    private static void Check(string[] sources, string[] baselines)
    {
        if (baselines.FirstOrDefault(name => !Baselines.Contains(name)) is { } unknown)
        {
            throw new ArgumentException($"--baseline must be {string.Join(" or ", Baselines)}, got '{unknown}'.");
        }

        if (sources.Length == 0 && !baselines.Contains(GlueRuns.Majority))
        {
            throw new ArgumentException("Name a model, such as a run's folder or a folder of Hugging Face's, or ask for --baseline majority alone.");
        }

        if (sources.Length == 0 && baselines.Contains(GlueRuns.Untrained))
        {
            throw new ArgumentException("--baseline untrained needs a model beside it, whose shape and vocabulary it takes.");
        }
    }

    private static string Json(IReadOnlyList<GlueResults> table, FineTuningRecipe recipe, IReadOnlyList<GlueTaskName> tasks) => JsonSerializer.Serialize(
        new
        {
            Tasks = tasks.Select(task => GlueTask.Of(task).Id),
            FineTuning = recipe,
            Models = table.Select(model => new
            {
                model.Model,
                Scores = model.Scores.Select(score => new { score.Score.Task, Metric = score.Score.Metric.Id(), score.Score.Value, score.Seed, score.Score.Subset }),
                Medians = model.Medians.Select(median => new
                {
                    median.Task, Metric = median.Metric.Id(), median.Median, median.StandardDeviation, median.Minimum, median.Maximum, median.Seeds, median.Subset,
                }),
                model.Averages,
            }),
        },
        RecipeJson.Options);
}
