using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Runs;

namespace CramGrains.Silo.Evaluation;

/// <summary>Which of the wanted GLUE tasks a folder holds, in the official layout.</summary>
internal static class GlueFiles
{
    /// <summary>The tasks that can be run, a notice about those that cannot, and what is wrong with their files: every row is read, since a wrong
    /// file must be named when the run is submitted, not after a day of pretraining.</summary>
    public static GluePlan Plan(IReadOnlyList<GlueTaskName> wanted, string? folder)
    {
        if (wanted.Count == 0)
        {
            return new GluePlan([], ["GLUE is skipped: the recipe names no tasks (fine_tuning.tasks)."], []);
        }

        if (folder is null)
        {
            return new GluePlan([], ["GLUE is skipped: no folder with its files was given. Give one with --glue DIR (official TSV layout, for example DIR/CoLA/train.tsv)."], []);
        }

        var tasks = new List<string>();
        var absent = new List<string>();
        foreach (GlueTaskName task in wanted)
        {
            IReadOnlyList<string> missing = [.. Look(folder, task).Where(file => file.There is null).Select(file => file.Official)];
            if (missing.Count == 0)
            {
                tasks.Add(Words.Of(task));
            }
            else
            {
                absent.Add($"{Words.Of(task)} ({string.Join(", ", missing)})");
            }
        }

        IReadOnlyList<string> notices = absent.Count == 0 ? [] : [$"GLUE tasks skipped because {folder} lacks their files: {string.Join("; ", absent)}."];
        return new GluePlan(tasks, notices, Problems(wanted, tasks, folder));
    }

    private static List<string> Problems(IReadOnlyList<GlueTaskName> wanted, List<string> tasks, string folder)
    {
        var problems = new List<string>();
        foreach (GlueTaskName task in wanted.Where(t => tasks.Contains(Words.Of(t))))
        {
            try
            {
                GlueReader.Read(folder, task);
            }
            catch (GlueException problem)
            {
                problems.Add(problem.Message);
            }
        }

        return problems;
    }

    /// <summary>What a task reads as it stands in a folder, relative to that, whatever its case; null where a file is missing.</summary>
    internal static IReadOnlyList<string>? Files(string folder, GlueTaskName task)
    {
        string?[] found = [.. Look(folder, task).Select(file => file.There)];
        return found.Contains(null) ? null : [.. found.Select(path => Path.GetRelativePath(folder, path!))];
    }

    /// <summary>A task's files by their official names, with the paths of those that are there.</summary>
    private static IEnumerable<(string Official, string? There)> Look(string folder, GlueTaskName task)
    {
        var description = GlueTask.Of(task);
        return description.Evaluations.Prepend(description.Train).Select(file => ($"{description.Folder}/{file.FileName}", GlueReader.Find(folder, description, file)));
    }
}
