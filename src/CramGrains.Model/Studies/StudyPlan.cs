namespace CramGrains.Model.Studies;

/// <summary>The cells of a study in the order in which they are run: grids, then the ladder from its first budget on, then what is taken away.</summary>
/// <remarks>Within a budget a seed's variants stand side by side, so that a study that ends early compares what it has.</remarks>
public static class StudyPlan
{
    /// <summary>All pretrainings.</summary>
    public static IReadOnlyList<StudyCell> Cells(StudyDefinition study)
    {
        ArgumentNullException.ThrowIfNull(study);
        var grids =
            from variant in study.Variants
            where variant.Grid is not null
            from value in variant.Grid!.Values
            select new StudyCell(StudyPart.Grid, variant.Name, study.GridBudget!, study.Seeds[0], value);
        var main =
            from budget in study.Budgets
            from seed in study.Seeds
            from variant in study.Variants
            select new StudyCell(StudyPart.Main, variant.Name, budget, seed);
        return [.. grids, .. main.Concat(Ablations(study)).Distinct()];
    }

    /// <summary>Whether GLUE is run on what a cell made.</summary>
    public static bool IsFineTuned(StudyDefinition study, StudyCell cell)
    {
        ArgumentNullException.ThrowIfNull(study);
        ArgumentNullException.ThrowIfNull(cell);
        return study.Glue is { } glue && cell.Part == StudyPart.Main && study.Budgets.Contains(cell.Budget)
            && GlueBudgets(study).Contains(cell.Budget) && (glue.PretrainingSeeds ?? study.Seeds).Contains(cell.Seed);
    }

    /// <summary>The budgets whose models are fine-tuned.</summary>
    public static IReadOnlyList<string> GlueBudgets(StudyDefinition study)
    {
        ArgumentNullException.ThrowIfNull(study);
        return study.Glue?.Budgets ?? [study.Budgets.MaxBy(budget => StudyBudget.Read(budget)!.Value.Amount)!];
    }

    /// <summary>The cell on whose model a variant's fine-tuning setting is chosen.</summary>
    public static StudyCell ChoiceCell(StudyDefinition study, string variant)
    {
        ArgumentNullException.ThrowIfNull(study);
        return new(StudyPart.Main, variant, GlueBudgets(study)[^1], (study.Glue!.PretrainingSeeds ?? study.Seeds)[0]);
    }

    /// <summary>Each seed first of the whole variant, which is a cell of the ladder where it has that budget, then without each element.</summary>
    private static IEnumerable<StudyCell> Ablations(StudyDefinition study)
    {
        if (study.Ablate is not { } ablation)
        {
            yield break;
        }

        string budget = ablation.Budget ?? study.Budgets[0];
        foreach (int seed in ablation.Seeds ?? study.Seeds)
        {
            yield return new(StudyPart.Main, ablation.Variant, budget, seed);
            foreach (var element in ablation.Without)
            {
                yield return new(StudyPart.Ablation, ablation.Variant, budget, seed, Without: element.Name);
            }
        }
    }
}
