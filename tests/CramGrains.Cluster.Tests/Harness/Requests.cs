using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;

namespace CramGrains.Cluster.Tests.Harness;

/// <summary>Submits for tests: a small valid recipe on a text file that exists.</summary>
internal static class Requests
{
    public static Recipe Recipe { get; } = new(
        "tiny", 7,
        new CorpusRecipe([new CorpusSource(CorpusSourceKind.DotnetReference)], TextNormalizerKind.Crammed, 512, 32, 0.05),
        new ArchitectureRecipe(2, 32, 2, 64),
        new TrainingRecipe(0.25, 8, 16, 0.5, new OptimizerRecipe(OptimizerKind.AdamW, 1e-3, 0.9, 0.98, 1e-12, 0.01), new ScheduleRecipe(ScheduleKind.Triangle2), 0.5),
        new HeldOutRecipe(16, 1),
        new CheckpointRecipe(5, 2),
        new FineTuningRecipe([GlueTaskName.Cola, GlueTaskName.Mrpc], 2, 16, 4e-5, 1, 0.1, 0.1, 32),
        BudgetHours: 60.0 / 3600);

    public static SubmitRun Submit(Lab lab, string runId, string? glue = null)
    {
        string corpus = Path.Combine(lab.Home, "corpus.txt");
        if (!File.Exists(corpus))
        {
            File.WriteAllText(corpus, "One paragraph.\n");
        }

        return new SubmitRun(runId, null, RecipeJson.ToCanonicalJson(Recipe), "tiny.json", [], null, [corpus], glue, "ada");
    }

    /// <summary>A GLUE folder that holds files for these tasks, of CoLA and MRPC. The silo checks them; scripted workers do not read them.</summary>
    public static string Glue(Lab lab, params ReadOnlySpan<string> folders)
    {
        string glue = Path.Combine(lab.Home, "glue");
        foreach (string folder in folders)
        {
            Directory.CreateDirectory(Path.Combine(glue, folder));
            string rows = folder == "CoLA"
                ? "gj04\t1\t\tShe left.\ngj04\t0\t*\tLeft she not.\n"
                : "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t1\t2\tShe left.\tShe went away.\n0\t3\t4\tShe left.\tHe stayed.\n";
            File.WriteAllText(Path.Combine(glue, folder, "train.tsv"), rows);
            File.WriteAllText(Path.Combine(glue, folder, "dev.tsv"), rows);
        }

        return glue;
    }
}
