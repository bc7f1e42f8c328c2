using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>The fine-tuning settings of a study: a recipe's own, with the study's overrides and one candidate's.</summary>
public static class StudySettings
{
    /// <summary>Candidates; one without overrides where the study names none.</summary>
    public static IReadOnlyList<IReadOnlyList<string>> Candidates(StudyGlue glue)
    {
        ArgumentNullException.ThrowIfNull(glue);
        return glue.Settings is { Count: > 0 } given ? given : [[]];
    }

    /// <summary>A candidate as people read it.</summary>
    public static string Text(IReadOnlyList<string> candidate)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        return candidate.Count == 0 ? "the recipe's own" : string.Join(", ", candidate);
    }

    /// <summary>The settings of one candidate.</summary>
    /// <param name="recipe">The variant's own.</param>
    /// <param name="glue">The study's.</param>
    /// <param name="candidate">One of <see cref="Candidates"/>.</param>
    /// <param name="choosing">While choosing, with the overrides that make the choice cheaper.</param>
    /// <exception cref="ArgumentException">Every reason why it cannot be used.</exception>
    public static FineTuningRecipe Of(FineTuningRecipe recipe, StudyGlue glue, IReadOnlyList<string> candidate, bool choosing)
    {
        ArgumentNullException.ThrowIfNull(glue);
        ArgumentNullException.ThrowIfNull(candidate);
        var (settings, problems) = FineTuningSettings.With(recipe, [.. glue.Set ?? [], .. candidate, .. choosing ? glue.ChoiceSet ?? [] : []]);
        return settings is null
            ? throw new ArgumentException(string.Join('\n', problems))
            : settings with { Tasks = glue.Tasks, Seeds = glue.Seeds.Count, KeepModels = null };
    }

    internal static IEnumerable<string> Problems(FineTuningRecipe recipe, StudyGlue glue)
    {
        foreach (var candidate in Candidates(glue))
        {
            foreach (string problem in FineTuningSettings.With(recipe, [.. glue.Set ?? [], .. candidate, .. glue.ChoiceSet ?? []]).Problems)
            {
                yield return $"glue setting '{Text(candidate)}': {problem}";
            }
        }
    }
}
