using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Studies;

/// <summary>The part of a task's training data on which a fine-tuning setting is chosen, so that dev is looked at once.</summary>
public static class GlueChoice
{
    private const double Fraction = 0.1;
    private const int Most = 1000;

    /// <summary>Parts the training file: a tenth of it, at most 1,000 examples, always the same ones, is scored; the rest is trained on.</summary>
    /// <param name="data">The task; its dev files are not part of the result.</param>
    /// <exception cref="GlueException">There are too few examples to part.</exception>
    public static GlueData Split(GlueData data)
    {
        ArgumentNullException.ThrowIfNull(data);
        var examples = data.Train.Examples;
        int scored = Math.Min(Most, (int)(examples.Count * Fraction));
        if (scored < 1)
        {
            throw new GlueException($"{data.Train.Path}: {examples.Count} examples, expected 10 or more, to hold a tenth out for the choice of a setting.");
        }

        var order = new RowPermutation(examples.Count, 0, "glue-choice", (ulong)data.Task.Name);
        var held = Enumerable.Range(0, scored).Select(place => (int)order[place]).ToHashSet();
        GlueSplit Part(GlueFile file, bool isHeld) => new(file, data.Train.Path, [.. examples.Where((_, index) => held.Contains(index) == isHeld)], 0);
        return new(data.Task, Part(data.Task.Train, false), [Part(data.Task.Evaluations[0], true)]);
    }
}
