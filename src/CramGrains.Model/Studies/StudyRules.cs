namespace CramGrains.Model.Studies;

/// <summary>What a study needs beyond its shape; each problem begins with the key's path.</summary>
internal static class StudyRules
{
    // What every cell is given last, whatever is set before.
    private static readonly Dictionary<string, string> OfCells = new()
    {
        ["seed"] = "seeds", ["budget"] = "budgets", ["budget_hours"] = "budgets", ["budget_tokens"] = "budgets", ["budget_exaflop"] = "budgets",
    };

    private static readonly Dictionary<string, string> OfGlue = new() { ["seeds"] = "glue.seeds", ["tasks"] = "glue.tasks" };

    public static IEnumerable<string> Problems(StudyDefinition study)
    {
        var problems = new List<string>();
        CheckName("name", study.Name, problems);
        CheckBudgets("budgets", study.Budgets, problems);
        CheckSeeds("seeds", study.Seeds, problems);
        CheckEffect("set", study.Set, OfCells, problems);
        if (study.Variants.Count == 0)
        {
            problems.Add("variants must hold one variant or more, the baseline first, got none.");
        }

        foreach (var (index, variant) in study.Variants.Index())
        {
            CheckName($"variants.{index}.name", variant.Name, problems);
            CheckEffect($"variants.{index}.set", variant.Set, OfCells, problems);
            CheckGrid($"variants.{index}.grid", variant.Grid, study.GridBudget, problems);
        }

        CheckDifferent("variants", study.Variants.Select(variant => variant.Name), problems);
        if (study.GridBudget is { } budget)
        {
            CheckBudgets("grid_budget", [budget], problems);
        }

        CheckAblation(study, problems);
        CheckGlue(study, problems);
        return problems;
    }

    private static void CheckAblation(StudyDefinition study, List<string> problems)
    {
        if (study.Ablate is not { } ablation)
        {
            return;
        }

        if (study.Variants.All(variant => variant.Name != ablation.Variant))
        {
            problems.Add($"ablate.variant must be one of {string.Join(", ", study.Variants.Select(variant => variant.Name))}, got \"{ablation.Variant}\".");
        }

        foreach (var (index, element) in ablation.Without.Index())
        {
            CheckName($"ablate.without.{index}.name", element.Name, problems);
            CheckSeeds($"ablate.without.{index}.seeds", element.Seeds ?? ablation.Seeds ?? study.Seeds, problems);
            CheckEffect($"ablate.without.{index}.set", element.Set, OfCells, problems);
            if (element.Set.Count == 0)
            {
                problems.Add($"ablate.without.{index}.set must take something away, got no overrides.");
            }
        }

        CheckDifferent("ablate.without", ablation.Without.Select(element => element.Name), problems);
        CheckBudgets("ablate.budget", ablation.Budget is { } budget ? [budget] : study.Budgets, problems);
        CheckSeeds("ablate.seeds", ablation.Seeds ?? study.Seeds, problems);
        CheckDifferent("variants and ablate.without", [
            .. study.Variants.Select(variant => variant.Name), .. ablation.Without.Select(element => new StudyCell(StudyPart.Ablation, ablation.Variant, "", 0, Without: element.Name).Label)], problems);
    }

    private static void CheckGlue(StudyDefinition study, List<string> problems)
    {
        if (study.Glue is not { } glue)
        {
            return;
        }

        if (glue.Tasks.Count == 0)
        {
            problems.Add("glue.tasks must name a task, such as \"cola\"; leave glue out to run none.");
        }

        CheckDifferent("glue.tasks", glue.Tasks.Select(task => task.ToString()), problems);
        CheckSeeds("glue.seeds", glue.Seeds, problems);
        CheckSeeds("glue.choice_seeds", glue.ChoiceSeeds ?? glue.Seeds, problems);
        CheckEffect("glue.set", glue.Set, OfGlue, problems);
        CheckEffect("glue.choice_set", glue.ChoiceSet, OfGlue, problems);
        CheckDifferent("glue.settings", StudySettings.Candidates(glue).Select(StudySettings.Text), problems);
        foreach (var (index, candidate) in StudySettings.Candidates(glue).Index())
        {
            CheckEffect($"glue.settings.{index}", candidate, OfGlue, problems);
        }

        foreach (string budget in (glue.Budgets ?? []).Where(budget => !study.Budgets.Contains(budget)))
        {
            problems.Add($"glue.budgets must be budgets of the study ({string.Join(", ", study.Budgets)}), got \"{budget}\".");
        }

        foreach (int seed in (glue.PretrainingSeeds ?? []).Where(seed => !study.Seeds.Contains(seed)))
        {
            problems.Add($"glue.pretraining_seeds must be seeds of the study ({string.Join(", ", study.Seeds)}), got {seed}.");
        }
    }

    private static void CheckGrid(string path, StudyGrid? grid, string? budget, List<string> problems)
    {
        if (grid is null)
        {
            return;
        }

        CheckEffect($"{path}.key", [grid.Key], OfCells, problems);
        if (grid.Values.Count < 2 || grid.Values.Distinct().Count() < grid.Values.Count)
        {
            problems.Add($"{path}.values must be two or more different values, got [{string.Join(", ", grid.Values.Select(StudyCell.Text))}].");
        }

        if (budget is null)
        {
            problems.Add($"grid_budget is missing, and {path} needs it. Add one, for example \"grid_budget\": \"60s\".");
        }
    }

    /// <summary>Refuses what the study sets itself: a variant, element or candidate that differs by nothing else would be compared with itself.</summary>
    private static void CheckEffect(string path, IReadOnlyList<string>? overrides, Dictionary<string, string> own, List<string> problems)
    {
        foreach (string given in overrides ?? [])
        {
            string key = given.Split('=')[0].Trim();
            if (own.TryGetValue(key.StartsWith("fine_tuning.", StringComparison.Ordinal) ? key["fine_tuning.".Length..] : key, out string? study))
            {
                problems.Add($"{path}: \"{given}\" would have no effect, since the study's own \"{study}\" come after it. Leave it out.");
            }
        }
    }

    private static void CheckBudgets(string path, IReadOnlyList<string> budgets, List<string> problems)
    {
        if (budgets.Count == 0)
        {
            problems.Add($"{path} must hold one budget or more, such as \"8m\", got none.");
        }

        foreach (string budget in budgets)
        {
            // A budget is a folder's name too.
            if (StudyBudget.Read(budget) is null || !budget.All(c => char.IsAsciiLetterOrDigit(c) || c == '.'))
            {
                problems.Add($"{path}: expected a time such as 60s, 8m or 24h, tokens such as 500Mtokens, or compute such as 13.4exaflop, got \"{budget}\".");
            }
        }

        CheckDifferent(path, budgets, problems);
        if (budgets.Select(StudyBudget.Read).OfType<StudyBudget>().Select(budget => budget.Unit).Distinct().Count() > 1)
        {
            problems.Add($"{path} must all be times, all tokens or all compute, got {string.Join(", ", budgets)}.");
        }
    }

    private static void CheckSeeds(string path, IReadOnlyList<int> seeds, List<string> problems)
    {
        if (seeds.Count == 0 || seeds.Any(seed => seed < 0))
        {
            problems.Add($"{path} must be one or more numbers from 0 on, got [{string.Join(", ", seeds)}].");
        }

        CheckDifferent(path, seeds.Select(seed => $"{seed}"), problems);
    }

    private static void CheckName(string path, string name, List<string> problems)
    {
        if (name.Length is 0 or > 64 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-') || name.All(c => c == '.'))
        {
            problems.Add($"{path} must be 1 to 64 letters, digits, '.', '_' or '-', got \"{name}\".");
        }
    }

    private static void CheckDifferent(string path, IEnumerable<string> names, List<string> problems)
    {
        foreach (var twice in names.GroupBy(name => name).Where(group => group.Count() > 1))
        {
            problems.Add($"{path}: \"{twice.Key}\" stands there {twice.Count()} times. Keep one of them.");
        }
    }
}
