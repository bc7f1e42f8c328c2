using System.Globalization;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>Reads GLUE from its official TSV files. Folders and files are found whatever their case.</summary>
public static class GlueReader
{
    private static readonly (string Folder, string File)[] DiagnosticFiles = [("AX", "AX.tsv"), ("diagnostic", "diagnostic.tsv")];

    /// <summary>Training and dev examples of a task.</summary>
    /// <param name="glueFolder">The folder that holds <c>CoLA</c>, <c>SST-2</c> and so on.</param>
    /// <param name="task">The task.</param>
    /// <exception cref="GlueException">A file is missing, empty or not UTF-8, lacks a column, or holds an unknown label.</exception>
    public static GlueData Read(string glueFolder, GlueTaskName task)
    {
        var description = GlueTask.Of(task);
        string folder = FindFolder(glueFolder, description);
        var train = ReadSplit(folder, description, description.Train, labelled: true);
        return new(description, train, [.. description.Evaluations.Select(file => ReadSplit(folder, description, file, labelled: true))]);
    }

    /// <summary>The examples of a task's test files, without labels, in the order that a submission needs.</summary>
    /// <exception cref="GlueException">As for <see cref="Read"/>.</exception>
    public static IReadOnlyList<GlueSplit> ReadTests(string glueFolder, GlueTaskName task)
    {
        var description = GlueTask.Of(task);
        string folder = FindFolder(glueFolder, description);
        return [.. description.Tests.Select(file => ReadSplit(folder, description, file, labelled: false))];
    }

    /// <summary>The examples of the diagnostic set, which a model of MNLI answers: <c>AX/AX.tsv</c> or <c>diagnostic/diagnostic.tsv</c>.</summary>
    /// <exception cref="GlueException">As for <see cref="Read"/>.</exception>
    public static GlueSplit ReadDiagnostic(string glueFolder)
    {
        RequireGlueFolder(glueFolder);
        foreach (var (folder, file) in DiagnosticFiles)
        {
            if (FindEntry(glueFolder, folder, Directory.EnumerateDirectories) is { } found && FindEntry(found, file, Directory.EnumerateFiles) is not null)
            {
                return ReadSplit(found, GlueTask.Of(GlueTaskName.Mnli), new("ax", file, GlueSubmission.DiagnosticRows), labelled: false);
            }
        }

        throw new GlueException($"{glueFolder}: the diagnostic set is missing. A submission needs AX/AX.tsv or diagnostic/diagnostic.tsv.");
    }

    /// <summary>The tasks whose training and dev files are all there.</summary>
    /// <exception cref="GlueException">The folder itself is missing.</exception>
    public static IReadOnlyList<GlueTaskName> Available(string glueFolder)
    {
        RequireGlueFolder(glueFolder);
        return [.. GlueTask.All.Where(IsComplete).Select(task => task.Name)];

        bool IsComplete(GlueTask task) => task.Evaluations.Prepend(task.Train).All(file => Find(glueFolder, task, file) is not null);
    }

    /// <summary>The path of one of a task's files, whatever the case of folder and file; null where there is none, or no folder that may be read.</summary>
    public static string? Find(string glueFolder, GlueTask task, GlueFile file)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            return Directory.Exists(glueFolder) && FindEntry(glueFolder, task.Folder, Directory.EnumerateDirectories) is { } folder
                ? FindEntry(folder, file.FileName, Directory.EnumerateFiles)
                : null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static GlueSplit ReadSplit(string folder, GlueTask task, GlueFile file, bool labelled)
    {
        string path = FindEntry(folder, file.FileName, Directory.EnumerateFiles)
            ?? throw new GlueException(
                $"{Path.Combine(folder, file.FileName)}: file missing. {task.Folder} needs it; download GLUE again or leave task '{task.Id}' out.");
        // CoLA's test file has a header, its other two have none.
        string[]? columns = task.Name == GlueTaskName.Cola && labelled ? [.. GlueTask.ColaColumns] : null;
        using var table = new TsvTable(path, columns);
        int first = table.Column(task.FirstColumn);
        int second = task.SecondColumn is null ? -1 : table.Column(task.SecondColumn);
        int label = labelled ? table.Column(task.LabelColumn) : -1;
        int lastNeeded = Math.Max(first, Math.Max(second, label));

        var examples = new List<GlueExample>(file.OfficialRows);
        int broken = 0;
        while (table.Next())
        {
            if (table.FieldCount <= lastNeeded)
            {
                // A few rows of QQP's training file are cut in two by stray line ends; the official loaders pass over them.
                if (task.Name == GlueTaskName.Qqp && labelled)
                {
                    broken++;
                    continue;
                }

                throw new GlueException($"{path} line {table.Line}: expected {table.Columns.Length} columns separated by tabs "
                    + $"({string.Join(", ", table.Columns)}), got {table.FieldCount}. Is the file complete and in the official TSV layout?");
            }

            double value = labelled ? Label(task, path, table.Line, table.Field(label)) : double.NaN;
            examples.Add(new(table.Field(first).ToString(), second < 0 ? null : table.Field(second).ToString(), value));
        }

        return examples.Count > 0
            ? new(file, path, examples, broken)
            : throw new GlueException(
                $"{path}: no examples in the file, expected {file.OfficialRows} in the official one. Download GLUE again or leave task '{task.Id}' out.");
    }

    private static double Label(GlueTask task, string path, long line, ReadOnlySpan<char> text)
    {
        if (task.IsRegression)
        {
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double score) && score is >= 0 and <= 5
                ? score
                : throw Unknown(text, "a number from 0 to 5");
        }

        for (int i = 0; i < task.Labels.Length; i++)
        {
            if (text.SequenceEqual(task.Labels[i]))
            {
                return i;
            }
        }

        throw Unknown(text, string.Join(" or ", task.Labels));

        GlueException Unknown(ReadOnlySpan<char> got, string expected) =>
            new($"{path} line {line}: unknown label '{got}' in column '{task.LabelColumn}', expected {expected}.");
    }

    private static string FindFolder(string glueFolder, GlueTask task)
    {
        RequireGlueFolder(glueFolder);
        return FindEntry(glueFolder, task.Folder, Directory.EnumerateDirectories)
            ?? throw new GlueException($"{glueFolder}: no folder '{task.Folder}' for task '{task.Id}'. "
                + $"It holds: {Listing(Directory.EnumerateDirectories(glueFolder))}. Give the folder that holds the official GLUE folders.");
    }

    private static void RequireGlueFolder(string glueFolder)
    {
        if (!Directory.Exists(glueFolder))
        {
            throw new GlueException($"{glueFolder}: no such folder. Give the folder that holds the official GLUE folders (CoLA, SST-2, ...).");
        }
    }

    /// <summary>An entry by name, the exact case first, so that two that differ only in case stay apart.</summary>
    private static string? FindEntry(string folder, string name, Func<string, IEnumerable<string>> entries) =>
        entries(folder)
            .Where(path => string.Equals(Path.GetFileName(path), name, StringComparison.OrdinalIgnoreCase))
            .OrderBy(path => Path.GetFileName(path) != name).ThenBy(path => path, StringComparer.Ordinal)
            .FirstOrDefault();

    private static string Listing(IEnumerable<string> paths)
    {
        string names = string.Join(", ", paths.Select(Path.GetFileName).Order(StringComparer.Ordinal).Take(20));
        return names.Length == 0 ? "no folders" : names;
    }
}
