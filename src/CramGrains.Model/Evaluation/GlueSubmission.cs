using System.Collections.Immutable;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>Writes and checks the zip that the GLUE test server takes: eleven flat TSV files of <c>index TAB prediction</c>, all of them needed.</summary>
public static class GlueSubmission
{
    /// <summary>The diagnostic set, predicted by the MNLI model.</summary>
    public const string Diagnostic = "AX";

    /// <summary>Examples of the diagnostic set.</summary>
    internal const int DiagnosticRows = 1104;

    // The server unpacks with any date; a fixed one makes equal predictions equal files. 1980 is the earliest that zip knows.
    private static DateTimeOffset EntryTime { get; } = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The files of a submission, in the order of the server's own example.</summary>
    public static ImmutableArray<GlueSubmissionFile> Files { get; } =
    [
        .. GlueTask.All.SelectMany(task => task.Tests, (task, test) => new GlueSubmissionFile(
            task.Name == GlueTaskName.Mnli ? (test.TaskId == "mnli" ? "MNLI-m" : "MNLI-mm") : task.Folder, test.TaskId, test.OfficialRows, task.Labels)),
        new(Diagnostic, "ax", DiagnosticRows, GlueTask.Of(GlueTaskName.Mnli).Labels),
    ];

    /// <summary>An STS-B prediction as the server takes it: clipped to [0, 5].</summary>
    public static string FormatScore(double score) => Math.Clamp(score, 0, 5).ToString("0.000", CultureInfo.InvariantCulture);

    /// <summary>The file of a submission that a test file's predictions go into.</summary>
    public static GlueSubmissionFile FileOf(GlueFile test)
    {
        ArgumentNullException.ThrowIfNull(test);
        return Files.First(file => file.TaskId == test.TaskId);
    }

    /// <summary>Predictions of a fine-tuned model as the server takes them: label texts, or scores from 0 to 5.</summary>
    public static IReadOnlyList<string> Predictions(FineTunedModel model, GlueSplit test, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(test);
        return model.Task.IsRegression
            ? [.. model.PredictScores(test.Examples, cancellation).Select(FormatScore)]
            : [.. model.PredictClasses(test.Examples, cancellation).Select(label => model.Task.Labels[label])];
    }

    /// <summary>Predictions without a model: the most frequent label of training, or its mean score.</summary>
    public static IReadOnlyList<string> MajorityPredictions(GlueTask task, GlueSplit train, GlueSplit test)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        string answer = task.IsRegression ? FormatScore(Baselines.MeanScore(train)) : task.Labels[Baselines.MajorityLabel(train)];
        return [.. Enumerable.Repeat(answer, test.Examples.Count)];
    }

    /// <summary>Checks the predictions and writes the zip; an existing file is replaced only when everything is right.</summary>
    /// <param name="zipPath">The zip to write; its folder is made where it is missing.</param>
    /// <param name="predictions">Predictions in the order of the test file, by file name without extension (<c>CoLA</c>, ..., <c>AX</c>).</param>
    /// <exception cref="GlueException">Files, rows or labels are not what the server takes; the message lists every problem.</exception>
    public static void Write(string zipPath, IReadOnlyDictionary<string, IReadOnlyList<string>> predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        var problems = Files
            .SelectMany(file => predictions.TryGetValue(file.Name, out var labels) ? file.Problems(labels) : [$"{file.Name}.tsv: no predictions."])
            .Concat(predictions.Keys.Where(name => Files.All(file => file.Name != name)).Select(name => $"{name}.tsv: not a file of a GLUE submission."))
            .ToList();
        if (problems.Count > 0)
        {
            throw new GlueException($"{zipPath}: not written, the server would refuse it.\n{string.Join('\n', problems)}");
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(zipPath))!);
        string temporary = zipPath + ".tmp";
        using (var zip = ZipFile.Open(Fresh(temporary), ZipArchiveMode.Create))
        {
            foreach (var file in Files)
            {
                var entry = zip.CreateEntry(file.Name + ".tsv");
                entry.LastWriteTime = EntryTime;
                using var writer = new StreamWriter(entry.Open(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
                writer.WriteLine("index\tprediction");
                for (int i = 0; i < file.Rows; i++)
                {
                    writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i}\t{predictions[file.Name][i]}"));
                }
            }
        }

        File.Move(temporary, zipPath, overwrite: true);
    }

    /// <summary>Reads a zip back as the server would.</summary>
    /// <returns>Every problem, one sentence each; empty when the server would take it.</returns>
    /// <exception cref="GlueException">The file is missing or is no zip.</exception>
    public static IReadOnlyList<string> Check(string zipPath)
    {
        try
        {
            using var zip = ZipFile.OpenRead(zipPath);
            var expected = Files.Select(file => file.Name + ".tsv").ToHashSet();
            return
            [
                .. zip.Entries.Where(entry => !expected.Contains(entry.FullName))
                    .Select(entry => $"{entry.FullName}: not a file of a GLUE submission, or not at the top of the zip."),
                .. zip.Entries.CountBy(entry => entry.FullName).Where(entry => entry.Value > 1).Select(entry => $"{entry.Key}: stands in the zip {entry.Value} times."),
                .. Files.SelectMany(file => zip.GetEntry(file.Name + ".tsv") is { } entry ? Check(file, entry) : [$"{file.Name}.tsv: missing."]),
            ];
        }
        catch (Exception problem) when (problem is InvalidDataException or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new GlueException($"{zipPath}: not a readable zip ({problem.Message}). Write it with 'cram glue submit'.", problem);
        }
    }

    private static List<string> Check(GlueSubmissionFile file, ZipArchiveEntry entry)
    {
        using var reader = new StreamReader(entry.Open(), Encoding.UTF8);
        if (reader.ReadLine() is not "index\tprediction" and var header)
        {
            return [$"{file.Name}.tsv line 1: expected the header 'index<TAB>prediction', got '{header}'."];
        }

        var labels = new List<string>(file.Rows);
        while (reader.ReadLine() is { } line)
        {
            string index = labels.Count.ToString(CultureInfo.InvariantCulture);
            if (line.Split('\t') is not [var got, var label] || got != index)
            {
                return [$"{file.Name}.tsv line {labels.Count + 2}: expected '{index}<TAB>prediction', got '{line}'."];
            }

            labels.Add(label);
        }

        return [.. file.Problems(labels)];
    }

    private static string Fresh(string path)
    {
        File.Delete(path);
        return path;
    }
}

/// <summary>One file of a submission.</summary>
/// <param name="Name">File name without <c>.tsv</c>.</param>
/// <param name="TaskId">Name under which its dev set is scored; <c>ax</c> for the diagnostic set.</param>
/// <param name="Rows">Predictions that it must hold.</param>
/// <param name="Labels">Labels that it may hold; empty for scores from 0 to 5.</param>
public sealed record GlueSubmissionFile(string Name, string TaskId, int Rows, ImmutableArray<string> Labels)
{
    /// <summary>What is wrong with predictions: their count, and the first that is no label.</summary>
    internal IEnumerable<string> Problems(IReadOnlyList<string> predictions)
    {
        if (predictions.Count != Rows)
        {
            yield return $"{Name}.tsv: expected {Rows} predictions, got {predictions.Count}.";
        }

        for (int i = 0; i < predictions.Count; i++)
        {
            if (!Accepts(predictions[i]))
            {
                string expected = Labels.IsEmpty ? "a number from 0 to 5" : string.Join(" or ", Labels);
                yield return $"{Name}.tsv index {i}: expected {expected}, got '{predictions[i]}'.";
                yield break;
            }
        }
    }

    private bool Accepts(string prediction) => Labels.IsEmpty
        ? double.TryParse(prediction, NumberStyles.Float, CultureInfo.InvariantCulture, out double score) && score is >= 0 and <= 5
        : Labels.Contains(prediction);
}
