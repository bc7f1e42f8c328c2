using System.Collections.Immutable;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>One GLUE task in its official TSV layout. Everything that differs between tasks stands in <see cref="All"/> and nowhere else.</summary>
/// <param name="Name">The task.</param>
/// <param name="Id">Its name in reports and JSON, such as <c>sst2</c>.</param>
/// <param name="Folder">Its folder in the official distribution.</param>
/// <param name="FirstColumn">Header of the first (or only) sentence.</param>
/// <param name="SecondColumn">Header of the second sentence; null where examples are single sentences.</param>
/// <param name="LabelColumn">Header of the label.</param>
/// <param name="Labels">Label texts in the order of their numbers; empty for regression.</param>
/// <param name="Metrics">Metrics, the paper's headline first.</param>
/// <param name="Train">The training file.</param>
/// <param name="Evaluations">The dev files, each scored under its own name (MNLI has two).</param>
/// <param name="Tests">The test files, in the order of <paramref name="Evaluations"/>.</param>
public sealed record GlueTask(
    GlueTaskName Name,
    string Id,
    string Folder,
    string FirstColumn,
    string? SecondColumn,
    string LabelColumn,
    ImmutableArray<string> Labels,
    ImmutableArray<GlueMetric> Metrics,
    GlueFile Train,
    ImmutableArray<GlueFile> Evaluations,
    ImmutableArray<GlueFile> Tests)
{
    private static ImmutableArray<string> ZeroOne { get; } = ["0", "1"];
    private static ImmutableArray<string> Entailment { get; } = ["entailment", "not_entailment"];

    /// <summary>The columns of CoLA's train and dev files, which have no header.</summary>
    internal static ImmutableArray<string> ColaColumns { get; } = ["source", "label", "star", "sentence"];

    /// <summary>All nine tasks, in the order of the GLUE paper. The order of labels is that of the public data sets.</summary>
    public static ImmutableArray<GlueTask> All { get; } =
    [
        Single(GlueTaskName.Cola, "cola", "CoLA", ZeroOne, [GlueMetric.Mcc], 8551, 1043, 1063),
        Single(GlueTaskName.Sst2, "sst2", "SST-2", ZeroOne, [GlueMetric.Accuracy], 67349, 872, 1821),
        Pair(GlueTaskName.Mrpc, "mrpc", "MRPC", "#1 String", "#2 String", "Quality", ZeroOne, [GlueMetric.F1, GlueMetric.Accuracy], 3668, 408, 1725),
        Pair(GlueTaskName.Stsb, "stsb", "STS-B", "sentence1", "sentence2", "score", [], [GlueMetric.Pearson, GlueMetric.Spearman], 5749, 1500, 1379),
        Pair(GlueTaskName.Qqp, "qqp", "QQP", "question1", "question2", "is_duplicate", ZeroOne, [GlueMetric.F1, GlueMetric.Accuracy], 363846, 40430, 390965),
        new(GlueTaskName.Mnli, "mnli", "MNLI", "sentence1", "sentence2", "gold_label", ["entailment", "neutral", "contradiction"], [GlueMetric.Accuracy],
            new("mnli", "train.tsv", 392702),
            [new("mnli", "dev_matched.tsv", 9815), new("mnli-mm", "dev_mismatched.tsv", 9832)],
            [new("mnli", "test_matched.tsv", 9796), new("mnli-mm", "test_mismatched.tsv", 9847)]),
        Pair(GlueTaskName.Qnli, "qnli", "QNLI", "question", "sentence", "label", Entailment, [GlueMetric.Accuracy], 104743, 5463, 5463),
        Pair(GlueTaskName.Rte, "rte", "RTE", "sentence1", "sentence2", "label", Entailment, [GlueMetric.Accuracy], 2490, 277, 3000),
        Pair(GlueTaskName.Wnli, "wnli", "WNLI", "sentence1", "sentence2", "label", ZeroOne, [GlueMetric.Accuracy], 635, 71, 146),
    ];

    /// <summary>A real-valued target (STS-B) instead of classes.</summary>
    public bool IsRegression => Labels.IsEmpty;

    /// <summary>Outputs of the head: one per class, one for regression.</summary>
    public int Outputs => IsRegression ? 1 : Labels.Length;

    /// <summary>The description of a task.</summary>
    public static GlueTask Of(GlueTaskName name) =>
        All.FirstOrDefault(task => task.Name == name) ?? throw new ArgumentOutOfRangeException(nameof(name), name, "Not a GLUE task.");

    private static GlueTask Single(
        GlueTaskName name, string id, string folder, ImmutableArray<string> labels, ImmutableArray<GlueMetric> metrics, int train, int dev, int test) =>
        new(name, id, folder, "sentence", null, "label", labels, metrics, new(id, "train.tsv", train), [new(id, "dev.tsv", dev)], [new(id, "test.tsv", test)]);

    private static GlueTask Pair(
        GlueTaskName name, string id, string folder, string first, string second, string label,
        ImmutableArray<string> labels, ImmutableArray<GlueMetric> metrics, int train, int dev, int test) =>
        new(name, id, folder, first, second, label, labels, metrics, new(id, "train.tsv", train), [new(id, "dev.tsv", dev)], [new(id, "test.tsv", test)]);
}

/// <summary>One official file.</summary>
/// <param name="TaskId">The name under which it is scored: the task's, but <c>mnli-mm</c> for the mismatched part of MNLI.</param>
/// <param name="FileName">Its name in the task's folder.</param>
/// <param name="OfficialRows">Examples in the official distribution; a file with fewer is a subset and its scores are labelled so.</param>
public sealed record GlueFile(string TaskId, string FileName, int OfficialRows);
