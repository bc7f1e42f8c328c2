using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram predict</c>: a fine-tuned model's answer to texts.</summary>
internal static class PredictCommand
{
    /// <summary>Runs one command line, without the leading <c>predict</c>.</summary>
    public static int Run(string[] arguments)
    {
        var model = new Argument<string>("RUN") { Description = "A run whose fine-tuned models were kept (cram glue --keep, or fine_tuning.keep_models), or a fine-tuned folder itself." };
        var texts = new Argument<string[]>("TEXT") { Description = "Texts; for a task of pairs, two for each answer.", Arity = ArgumentArity.OneOrMore };
        var task = new Option<string?>("--task") { Description = $"The task: {string.Join(", ", GlueTask.All.Select(known => known.Id))}." };
        var glue = new Option<string?>("--glue") { Description = "GLUE files: fine-tunes now and keeps the model beside the run, where none of its newest checkpoint is kept yet." };
        var (home, device) = (GlueCommand.HomeOption(), LocalDevice.Option());
        var json = new Option<bool>("--json") { Description = "Print one JSON object a line." };
        var command = new Command("predict", "Answers texts with a fine-tuned model. Example: cram predict ~/.cramgrains/runs/r-1 --task sst2 \"a gripping film\" \"dull and far too long\"")
        {
            model, texts, task, glue, home, device, json,
        };
        command.SetAction(parsed =>
        {
            var place = LocalDevice.Choose(parsed.GetValue(device));
            using var tuned = Open(parsed.GetRequiredValue(model), parsed.GetValue(task), parsed.GetValue(glue), parsed.GetValue(home), place);
            var examples = Examples(tuned.Task, parsed.GetRequiredValue(texts));
            var cut = tuned.CutTokens(examples);
            foreach (var (index, outputs) in tuned.Outputs(examples).Chunk(tuned.Task.Outputs).Index())
            {
                Warn(tuned, index, cut[index]);
                Print(tuned.Task, examples[index], outputs, cut[index], parsed.GetValue(json));
            }

            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static FineTunedModel Open(string source, string? taskName, string? glueFolder, string? home, torch.Device device)
    {
        if (File.Exists(Path.Combine(source, FineTunedFolder.DescriptionFile)))
        {
            var own = FineTunedFolder.Read(source, device);
            return taskName is null || own.Task.Id == taskName
                ? own
                : throw new ArgumentException($"{source}: was fine-tuned for {own.Task.Id}, not for {taskName}. Leave --task out or name another folder.");
        }

        var task = GlueTask.All.FirstOrDefault(known => known.Id == taskName)
            ?? throw new ArgumentException($"--task must be one of {string.Join(", ", GlueTask.All.Select(known => known.Id))}, got {taskName ?? "nothing"}.");
        string run = RunCheckpoint.FolderOf(source, home);
        if (File.Exists(Path.Combine(run, CheckpointStore.ManifestFile)))
        {
            throw new ArgumentException($"{source}: is one checkpoint. Name its run, beside which fine-tuned models are kept.");
        }

        string kept = FineTunedFolder.OfRun(run, task.Name);
        bool isThere = File.Exists(Path.Combine(kept, FineTunedFolder.DescriptionFile)), outdated = isThere && IsOutdated(kept, run);
        if (outdated && glueFolder is null)
        {
            Console.Error.WriteLine($"{kept}: fine-tuned before the run's newest checkpoint. Give --glue DIR to fine-tune that one.");
        }

        if (glueFolder is not null && (!isThere || outdated))
        {
            using var pretrained = PretrainedModel.Open(run);
            var recipe = GlueCommand.Settings(pretrained.Recipe, []);
            using var gpu = LocalDevice.Take(device, "cram predict");
            LocalDevice.UntilInterrupted(stop => GlueProtocol.Run(
                recipe, pretrained.Encoder, GlueReader.Read(glueFolder, task.Name), [pretrained.Recipe?.Seed ?? 0], device, null,
                (result, tuned) => FineTunedFolder.Write(kept, tuned, result, pretrained.Encoder.Identity), stop));
        }

        return FineTunedFolder.Read(kept, device);
    }

    /// <summary>Whether the run has trained on since a model was kept. Its weights may lie on another machine; then nobody can tell.</summary>
    private static bool IsOutdated(string kept, string run)
    {
        foreach (string checkpoint in new CheckpointStore(Path.Combine(run, "checkpoints"), keep: 2).List())
        {
            try
            {
                return !FineTunedFolder.IsFrom(kept, PretrainedModel.IdentityOf(CheckpointStore.ReadManifest(checkpoint)));
            }
            catch (InvalidDataException)
            {
                // damaged: fine-tuning would pass it over too
            }
        }

        return false;
    }

    private static List<GlueExample> Examples(GlueTask task, string[] texts)
    {
        int each = task.SecondColumn is null ? 1 : 2;
        return texts.Length % each == 0
            ? [.. texts.Chunk(each).Select(pair => new GlueExample(pair[0], each == 2 ? pair[1] : null, double.NaN))]
            : throw new ArgumentException($"Task {task.Id} takes two texts for each answer, got {texts.Length}.");
    }

    /// <summary>An answer to part of a text says so.</summary>
    private static void Warn(FineTunedModel tuned, int index, int cut)
    {
        if (cut > 0)
        {
            string which = tuned.Task.SecondColumn is null ? $"Text {index + 1} has" : $"Texts {(2 * index) + 1} and {(2 * index) + 2} have";
            string place = tuned.Task.SecondColumn is null ? "at its end" : "at the end of the longer one";
            Console.Error.WriteLine(
                $"{which} {tuned.MaximumLength + cut} tokens with the special ones, but the model was fine-tuned for {tuned.MaximumLength} (fine_tuning.maximum_length): {cut} {place} were not read.");
        }
    }

    private static void Print(GlueTask task, GlueExample example, float[] outputs, int cut, bool json)
    {
        // Classes by softmax; a regression's score as the task counts it.
        double[] shares = [.. outputs.Select(output => Math.Exp(output - outputs.Max()))];
        double[] probabilities = [.. shares.Select(share => share / shares.Sum())];
        int best = Array.IndexOf(outputs, outputs.Max());
        string answer = task.IsRegression ? GlueSubmission.FormatScore(outputs[0]) : task.Labels[best];
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(
                new { Task = task.Id, example.First, example.Second, Answer = answer, Probability = task.IsRegression ? (double?)null : probabilities[best], CutTokens = cut }, OneLine));
            return;
        }

        string sure = task.IsRegression ? "" : $" ({(100 * probabilities[best]).ToString("0.0", CultureInfo.InvariantCulture)} %)";
        Console.WriteLine($"{answer}{sure}: {example.First}{(example.Second is null ? "" : " | " + example.Second)}");
    }

    private static JsonSerializerOptions OneLine { get; } = new(RecipeJson.Options) { WriteIndented = false };
}
