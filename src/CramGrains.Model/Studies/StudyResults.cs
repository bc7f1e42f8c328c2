using System.Text.Json.Serialization;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>One held-out measurement of a cell.</summary>
/// <param name="Seconds">Training seconds before it.</param>
/// <param name="Tokens">Training tokens before it.</param>
/// <param name="Updates">Optimizer steps before it.</param>
/// <param name="HeldOutNats">The loss at 15 % masked.</param>
public sealed record CurvePoint(double Seconds, long Tokens, long Updates, double HeldOutNats);

/// <summary>What a pretraining of a study gave.</summary>
/// <param name="Cell">Which one.</param>
/// <param name="HeldOutInitial">Held-out loss before the first step, nats; null where training failed before it was measured.</param>
/// <param name="HeldOutFinal">Held-out loss at the end, nats; null where training diverged.</param>
/// <param name="Failure">Why there is no final loss; null where there is one.</param>
/// <param name="Updates">Optimizer steps.</param>
/// <param name="Tokens">Training tokens.</param>
/// <param name="Seconds">Training seconds charged to the budget.</param>
/// <param name="Exaflop">Model operations in 1e18.</param>
/// <param name="Parameters">Trainable parameters.</param>
/// <param name="Engine">The engine.</param>
/// <param name="Device">The device by its product name; several where it went on elsewhere.</param>
/// <param name="Corpus">Digest of what it was trained on.</param>
/// <param name="Weights">SHA-256 of the trained weights; null where training diverged, or where only the losses were wanted.</param>
/// <param name="Curve">Every held-out measurement, the first and the last included.</param>
public sealed record StudyCellResult(
    StudyCell Cell, double? HeldOutInitial, double? HeldOutFinal, string? Failure, long Updates, long Tokens, double Seconds, double Exaflop, long Parameters,
    string Engine, string Device, string Corpus, string? Weights, IReadOnlyList<CurvePoint> Curve);

/// <summary>One fine-tuning of a study.</summary>
/// <param name="Cell">The pretraining whose model was fine-tuned.</param>
/// <param name="Task">The task.</param>
/// <param name="Seed">The fine-tuning's seed.</param>
/// <param name="Setting">The candidate setting, as people read it.</param>
/// <param name="Choice">Whether it served the choice: scored on held-out training data instead of dev.</param>
/// <param name="Scores">Every metric, the task's headline first.</param>
/// <param name="TrainExamples">Training examples used.</param>
/// <param name="EvaluationExamples">Examples scored.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Seconds">Time of the training loop.</param>
/// <param name="Failure">Why there are no scores; null where there are.</param>
public sealed record StudyGlueResult(
    StudyCell Cell, GlueTaskName Task, int Seed, string Setting, bool Choice, IReadOnlyList<GlueScore> Scores, int TrainExamples, int EvaluationExamples, long Steps, double Seconds, string? Failure = null)
{
    /// <summary>The task's headline metric, the mean over its files; 0, which is chance or below, where the fine-tuning diverged.</summary>
    [JsonIgnore]
    public double Headline => Scores.Count == 0 ? 0 : Scores.Where(score => score.Metric == GlueTask.Of(Task).Metrics[0]).Average(score => score.Value);
}

/// <summary>What a grid chose.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Key">The setting.</param>
/// <param name="Budget">Budget of each point.</param>
/// <param name="Points">Values with their final held-out losses, null where it diverged.</param>
/// <param name="Best">The value with the lowest loss; null while points are missing.</param>
public sealed record GridChoice(string Variant, string Key, string Budget, IReadOnlyList<GridPoint> Points, double? Best)
{
    /// <summary>Whether the best value is the smallest or largest that was tried, so that the optimum may lie outside.</summary>
    [JsonIgnore]
    public bool AtEdge => Best is { } best && (best == Points.Max(point => point.Value) || best == Points.Min(point => point.Value));
}

/// <summary>A value of a grid.</summary>
/// <param name="Value">The value.</param>
/// <param name="HeldOutNats">Final held-out loss; null where it diverged or is still missing.</param>
public sealed record GridPoint(double Value, double? HeldOutNats);

/// <summary>Which fine-tuning setting a variant uses for all tasks.</summary>
/// <param name="Variant">The variant.</param>
/// <param name="Candidates">Settings with the mean over tasks on held-out training data; null while results are missing.</param>
/// <param name="Best">The best one; null while results are missing.</param>
public sealed record SettingChoice(string Variant, IReadOnlyList<SettingScore> Candidates, string? Best);

/// <summary>A candidate setting.</summary>
/// <param name="Setting">As people read it.</param>
/// <param name="Mean">Mean headline metric over tasks and seeds, a fraction.</param>
public sealed record SettingScore(string Setting, double? Mean);

/// <summary>The choices of a study, as pure functions of results.</summary>
public static class StudyChoices
{
    /// <summary>The grid of a variant.</summary>
    public static GridChoice? Grid(StudyDefinition study, string variant, IEnumerable<StudyCellResult> results)
    {
        ArgumentNullException.ThrowIfNull(study);
        if (study.Variants.First(other => other.Name == variant).Grid is not { } grid)
        {
            return null;
        }

        var found = results.Where(result => result.Cell.Part == StudyPart.Grid && result.Cell.Variant == variant).ToList();
        var points = grid.Values.Select(value => new GridPoint(value, found.FirstOrDefault(result => result.Cell.GridValue == value)?.HeldOutFinal)).ToList();
        bool complete = grid.Values.All(value => found.Any(result => result.Cell.GridValue == value));
        double? best = complete && points.Any(point => point.HeldOutNats is not null) ? points.Where(point => point.HeldOutNats is not null).MinBy(point => point.HeldOutNats)!.Value : null;
        return new(variant, grid.Key, study.GridBudget!, points, best);
    }

    /// <summary>The fine-tuning setting of a variant: the best mean over all tasks, the first of equals.</summary>
    public static SettingChoice Setting(StudyDefinition study, string variant, IEnumerable<StudyGlueResult> results)
    {
        ArgumentNullException.ThrowIfNull(study);
        var glue = study.Glue!;
        string[] candidates = [.. StudySettings.Candidates(glue).Select(StudySettings.Text)];
        if (candidates.Length == 1)
        {
            return new(variant, [new(candidates[0], null)], candidates[0]);
        }

        var found = results.Where(result => result.Choice && result.Cell.Variant == variant).ToLookup(result => result.Setting);
        int expected = glue.Tasks.Count * (glue.ChoiceSeeds ?? [glue.Seeds[0]]).Count;
        var scores = candidates.Select(setting => new SettingScore(setting, found[setting].Count() == expected ? found[setting].Average(result => result.Headline) : null)).ToList();
        return new(variant, scores, scores.All(score => score.Mean is not null) ? scores.MaxBy(score => score.Mean)!.Setting : null);
    }
}
