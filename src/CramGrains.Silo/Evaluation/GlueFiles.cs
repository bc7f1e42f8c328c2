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
            IReadOnlyList<string> missing = [.. Files(task).Where(f => !File.Exists(Path.Combine(folder, f)))];
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

    /// <summary>What a task reads, relative to the folder.</summary>
    internal static IReadOnlyList<string> Files(GlueTaskName task) => task switch
    {
        GlueTaskName.Cola => ["CoLA/train.tsv", "CoLA/dev.tsv"],
        GlueTaskName.Sst2 => ["SST-2/train.tsv", "SST-2/dev.tsv"],
        GlueTaskName.Mrpc => ["MRPC/train.tsv", "MRPC/dev.tsv"],
        GlueTaskName.Stsb => ["STS-B/train.tsv", "STS-B/dev.tsv"],
        GlueTaskName.Qqp => ["QQP/train.tsv", "QQP/dev.tsv"],
        GlueTaskName.Mnli => ["MNLI/train.tsv", "MNLI/dev_matched.tsv", "MNLI/dev_mismatched.tsv"],
        GlueTaskName.Qnli => ["QNLI/train.tsv", "QNLI/dev.tsv"],
        GlueTaskName.Rte => ["RTE/train.tsv", "RTE/dev.tsv"],
        GlueTaskName.Wnli => ["WNLI/train.tsv", "WNLI/dev.tsv"],
        _ => throw new ArgumentOutOfRangeException(nameof(task), task, "unknown task"),
    };
}
