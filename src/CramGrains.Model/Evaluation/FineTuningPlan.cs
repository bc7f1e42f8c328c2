using CramGrains.Model.Recipes;

namespace CramGrains.Model.Evaluation;

/// <summary>How many steps a fine-tuning takes and the learning rate of each: linear warm-up, then half a cosine to zero.</summary>
internal sealed class FineTuningPlan
{
    private readonly double _peak;
    private readonly long _warmupSteps;

    public FineTuningPlan(FineTuningRecipe recipe, int examples)
    {
        StepsPerEpoch = StepsOf(recipe, examples);
        TotalSteps = (long)StepsPerEpoch * recipe.Epochs;
        _peak = recipe.LearningRate;
        // The reference turns its fraction into steps once, on CoLA, and keeps the number: 0.2 % of MNLI's steps and a third of RTE's.
        int warmupExamples = recipe.Faithful ? GlueTask.Of(GlueTaskName.Cola).Train.OfficialRows : examples;
        _warmupSteps = (long)((long)StepsOf(recipe, warmupExamples) * recipe.Epochs * recipe.WarmupFraction);
    }

    public int StepsPerEpoch { get; }

    public long TotalSteps { get; }

    /// <summary>The learning rate of a step, counted from 0; the first step of a warm-up is at zero, as in the reference.</summary>
    public double LearningRate(long step)
    {
        if (step < _warmupSteps)
        {
            return _peak * step / _warmupSteps;
        }

        double progress = (double)(step - _warmupSteps) / Math.Max(1, TotalSteps - _warmupSteps);
        return _peak * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }

    private static int StepsOf(FineTuningRecipe recipe, int examples) =>
        recipe.Faithful && examples >= recipe.BatchSize ? examples / recipe.BatchSize : (examples + recipe.BatchSize - 1) / recipe.BatchSize;
}
