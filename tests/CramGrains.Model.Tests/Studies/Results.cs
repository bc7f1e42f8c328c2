using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

/// <summary>Made-up definitions and results.</summary>
internal static class Results
{
    /// <summary>Two variants, each with a grid of three, two budgets, two seeds, an ablation and two tasks.</summary>
    public static StudyDefinition Definition { get; } = new(
        "made-up", ["2m", "8m"], [0, 1],
        [
            new("plain", "plain.json", Grid: new("training.optimizer.learning_rate", [0.5, 1, 2])),
            new("modern", "modern.json", Grid: new("training.optimizer.muon_learning_rate", [0.01, 0.02, 0.04])),
        ],
        GridBudget: "60s",
        Ablate: new("modern", [new("muon", ["training.optimizer.kind=adam-w"])], "2m"),
        Glue: new([GlueTaskName.Cola, GlueTaskName.Mrpc], [0, 1, 2], [["learning_rate=1e-5"], ["learning_rate=1e-4"]]));

    public static StudyCellResult Cell(StudyCell cell, double? loss, long tokens = 1_000_000, string corpus = "c0ffee", string device = "GPU") => new(
        cell, 10, loss, loss is null ? "The loss is NaN." : null, 100, tokens, 10, 0.1, 5, "fused", device, corpus, loss is null ? null : "w" + cell.Name, [new(0, 0, 0, 10), new(10, tokens, 100, loss ?? 9)]);

    public static StudyCellResult Of(string variant, string budget, int seed, double? loss) => Cell(new(StudyPart.Main, variant, budget, seed), loss);

    public static StudyCellResult Grid(string variant, double value, double? loss) => Cell(new(StudyPart.Grid, variant, "60s", 0, value), loss);

    public static StudyGlueResult Glue(string variant, GlueTaskName task, int seed, double score, string setting = "learning_rate=1e-5", bool choice = false, bool subset = false, string budget = "8m", int pretraining = 0) => new(
        new(StudyPart.Main, variant, budget, pretraining), task, seed, setting, choice, [new(GlueTask.Of(task).Id, GlueTask.Of(task).Metrics[0], score, subset)], 900, 100, 50, 1);
}
