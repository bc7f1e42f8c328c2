namespace CramGrains.Model.Recipes;

/// <summary>The one global fine-tuning setting for all GLUE tasks (the paper's GLUE_sane by default).</summary>
/// <param name="Tasks">Tasks to run; empty runs none.</param>
/// <param name="Seeds">Number of seeds per task, 0 to Seeds - 1 added to the recipe's seed; the median is reported.</param>
/// <param name="BatchSize">Examples per step.</param>
/// <param name="LearningRate">Peak learning rate.</param>
/// <param name="Epochs">Passes over the task's training data; the rules allow at most 5.</param>
/// <param name="WarmupFraction">Fraction of the task's own steps with a linear warm-up.</param>
/// <param name="Dropout">Dropout while fine-tuning.</param>
/// <param name="MaximumLength">Tokens per example, special tokens included; longer inputs are truncated, longest first.</param>
/// <param name="Beta1">AdamW first-moment decay.</param>
/// <param name="Beta2">AdamW second-moment decay.</param>
/// <param name="Epsilon">AdamW epsilon.</param>
/// <param name="WeightDecay">AdamW decoupled weight decay.</param>
/// <param name="Pooling">How token vectors become one vector.</param>
/// <param name="HeadSize">Width of the tanh layer of the classification head; 0 leaves it out.</param>
/// <param name="MaximumTrainExamples">Trains on the first so many shuffled examples, for quick trials; scores are then labelled as from a subset.</param>
/// <param name="Faithful">Repeats the reference's defects: every task warms up for the steps of CoLA's warm-up, the last incomplete batch of an epoch is dropped,
/// and a single sentence is encoded as a pair with an empty second one.</param>
/// <param name="KeepModels">Keeps the model of each task's first seed beside the run, for <c>cram predict</c>; nothing is kept unless it is true.</param>
public sealed record FineTuningRecipe(
    IReadOnlyList<GlueTaskName> Tasks,
    int Seeds,
    int BatchSize,
    double LearningRate,
    int Epochs,
    double WarmupFraction,
    double Dropout,
    int MaximumLength,
    double Beta1 = 0.9,
    double Beta2 = 0.98,
    double Epsilon = 1e-6,
    double WeightDecay = 0,
    PoolingKind Pooling = PoolingKind.FirstToken,
    int HeadSize = 1024,
    int? MaximumTrainExamples = null,
    bool Faithful = false,
    bool? KeepModels = null);

/// <summary>The GLUE tasks.</summary>
public enum GlueTaskName
{
    /// <summary>Corpus of Linguistic Acceptability.</summary>
    Cola = 1,

    /// <summary>Stanford Sentiment Treebank.</summary>
    Sst2 = 2,

    /// <summary>Microsoft Research Paraphrase Corpus.</summary>
    Mrpc = 3,

    /// <summary>Semantic Textual Similarity Benchmark (regression).</summary>
    Stsb = 4,

    /// <summary>Quora Question Pairs.</summary>
    Qqp = 5,

    /// <summary>Multi-Genre NLI, matched and mismatched.</summary>
    Mnli = 6,

    /// <summary>Question NLI.</summary>
    Qnli = 7,

    /// <summary>Recognising Textual Entailment.</summary>
    Rte = 8,

    /// <summary>Winograd NLI.</summary>
    Wnli = 9,
}

/// <summary>How token vectors become one vector for the classification head.</summary>
public enum PoolingKind
{
    /// <summary>The vector of the first token, [CLS].</summary>
    FirstToken = 1,

    /// <summary>The mean over real tokens.</summary>
    MaskedMean = 2,

    /// <summary>The mean over all positions, padding included, as the reference's "avg" does.</summary>
    RawMean = 3,
}
