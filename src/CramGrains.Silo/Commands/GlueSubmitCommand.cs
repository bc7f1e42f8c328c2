using System.CommandLine;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram glue submit</c> and <c>cram glue check</c>: the zip that the GLUE test server takes.</summary>
internal static class GlueSubmitCommand
{
    /// <summary>Fine-tunes on every task, predicts the test files and writes the zip.</summary>
    public static Command Create()
    {
        var model = new Argument<string>("MODEL") { Description = "A run, a checkpoint, an export, or a folder of BERT or RoBERTa." };
        var output = new Argument<string>("ZIP") { Description = "The zip to write." };
        var glue = GlueCommand.GlueOption();
        var seed = new Option<int?>("--seed") { Description = "Seed of the fine-tunings; the run's, or 0." };
        var majority = new Option<string[]>("--majority") { Description = "Tasks answered by their most frequent label instead, such as wnli; may be repeated." };
        var overrides = new Option<string[]>("--set") { Description = "A fine-tuning setting, such as learning_rate=2e-5; may be repeated." };
        var (home, device) = (GlueCommand.HomeOption(), LocalDevice.Option());
        var command = new Command("submit", "Writes the zip for the GLUE test server. Needs train, dev and test files of all nine tasks and the diagnostic set.\nExample: cram glue submit runs/r-1 submission.zip --glue ~/glue --majority wnli")
        {
            model, output, glue, seed, majority, overrides, home, device,
        };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetValue(glue) ?? throw new ArgumentException("--glue DIR is needed: the folder that holds the official GLUE folders with their test files.");
            string[] answered = [.. (parsed.GetValue(majority) ?? []).SelectMany(name => name.Split(','))];
            if (answered.FirstOrDefault(name => GlueTask.All.All(task => task.Id != name)) is { } unknown)
            {
                throw new ArgumentException($"--majority must name tasks ({string.Join(", ", GlueTask.All.Select(task => task.Id))}), got '{unknown}'.");
            }

            string zip = parsed.GetRequiredValue(output);
            if (Directory.Exists(zip) || Path.GetFileName(zip).Length == 0)
            {
                throw new ArgumentException($"{zip}: is a folder. Name the zip to write, such as submission.zip.");
            }

            var tests = ReadTests(folder); // before hours of training, not after
            var place = LocalDevice.Choose(parsed.GetValue(device));
            using var gpu = LocalDevice.Take(place, "cram glue submit");
            using var pretrained = PretrainedModel.Open(parsed.GetRequiredValue(model), parsed.GetValue(home));
            var recipe = GlueCommand.Settings(pretrained.Recipe, parsed.GetValue(overrides) ?? []);
            var predictions = new Dictionary<string, IReadOnlyList<string>>();
            LocalDevice.UntilInterrupted(stop =>
            {
                foreach (var task in GlueTask.All)
                {
                    var data = GlueReader.Read(folder, task.Name);
                    if (answered.Contains(task.Id))
                    {
                        tests[task.Name].ForEach(test => predictions[FileName(test)] = GlueSubmission.MajorityPredictions(task, data.Train, test));
                        continue;
                    }

                    GlueProtocol.Run(recipe, pretrained.Encoder, data, [parsed.GetValue(seed) ?? pretrained.Recipe?.Seed ?? 0], place, null, (result, tuned) =>
                    {
                        tests[task.Name].ForEach(test => predictions[FileName(test)] = GlueSubmission.Predictions(tuned, test, stop));
                        Console.Error.WriteLine($"{task.Id}: dev {string.Join(", ", result.Scores.Select(score => $"{score.Task} {score.Metric.Id()} {100 * score.Value:0.0}"))}");
                    }, stop);
                }
            });
            GlueSubmission.Write(zip, predictions);
            Console.WriteLine($"{zip}: {predictions.Count} files, {predictions.Values.Sum(labels => labels.Count):N0} predictions");
            return CommandLineRun.Done;
        });
        return command;
    }

    /// <summary>Checks a zip as the server would.</summary>
    public static Command CreateCheck()
    {
        var zip = new Argument<string>("ZIP") { Description = "A zip for the GLUE test server." };
        var command = new Command("check", "Says whether the GLUE test server would take a zip: files, rows, labels. Example: cram glue check submission.zip") { zip };
        command.SetAction(parsed =>
        {
            if (Directory.Exists(parsed.GetRequiredValue(zip)))
            {
                throw new ArgumentException($"{parsed.GetRequiredValue(zip)}: is a folder. Name a zip for the GLUE test server.");
            }

            var problems = GlueSubmission.Check(parsed.GetRequiredValue(zip));
            foreach (string problem in problems)
            {
                Console.Error.WriteLine(problem);
            }

            if (problems.Count == 0)
            {
                Console.WriteLine($"{parsed.GetRequiredValue(zip)}: {GlueSubmission.Files.Length} files, rows and labels as the server takes them.");
            }

            return problems.Count == 0 ? CommandLineRun.Done : CommandLineRun.Failed;
        });
        return command;
    }

    private static Dictionary<GlueTaskName, List<GlueSplit>> ReadTests(string folder)
    {
        var problems = new List<string>();
        var tests = new Dictionary<GlueTaskName, List<GlueSplit>>();
        foreach (var task in GlueTask.All)
        {
            Try(() => tests[task.Name] = [.. GlueReader.ReadTests(folder, task.Name)]);
        }

        Try(() =>
        {
            var diagnostic = GlueReader.ReadDiagnostic(folder);
            if (tests.TryGetValue(GlueTaskName.Mnli, out var mnli))
            {
                mnli.Add(diagnostic); // MNLI's model answers it
            }
        });
        problems.AddRange(tests.Values.SelectMany(splits => splits).Where(test => test.Examples.Count != test.File.OfficialRows)
            .Select(test => $"{test.Path}: has {test.Examples.Count} examples, the server expects {test.File.OfficialRows}."));
        return problems.Count == 0 ? tests : throw new GlueException($"No submission can be made:\n{string.Join('\n', problems)}");

        void Try(Action read)
        {
            try
            {
                read();
            }
            catch (GlueException problem)
            {
                problems.Add(problem.Message);
            }
        }
    }

    private static string FileName(GlueSplit test) => GlueSubmission.FileOf(test.File).Name;
}
