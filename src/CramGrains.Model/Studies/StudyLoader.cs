using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>A study, or every reason why there is none.</summary>
/// <param name="Study">The study; null when there are problems.</param>
/// <param name="Problems">Each says where, what is expected, what was found and what to do; empty when there is a study.</param>
public sealed record StudyLoadResult(Study? Study, IReadOnlyList<string> Problems);

/// <summary>Reads studies as strictly as recipes, and checks every recipe that a study would train before the first is trained.</summary>
public static class StudyLoader
{
    /// <summary>Reads a study's file and the recipes that it names.</summary>
    /// <param name="file">The study.</param>
    /// <param name="budgets">Budgets that are added where the study lacks them.</param>
    /// <param name="seeds">Seeds that are added where the study lacks them.</param>
    /// <param name="corpusPaths">Replace its texts unless null; empty leaves the recipes' own sources, whose text comes from elsewhere.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    public static StudyLoadResult Load(string file, IReadOnlyList<string>? budgets = null, IReadOnlyList<int>? seeds = null, IReadOnlyList<string>? corpusPaths = null)
    {
        var problems = new List<string>();
        var root = RecipeLoader.Parse(File.ReadAllText(file), file, problems);
        if (root is not null)
        {
            RecipeShape.Check(root, typeof(StudyDefinition), file, "", problems);
        }

        if (problems.Count > 0)
        {
            return new(null, problems);
        }

        var definition = root.Deserialize<StudyDefinition>(RecipeJson.Options)!;
        problems.AddRange(StudyRules.Problems(definition).Select(problem => $"{file}: {problem}"));
        if (problems.Count == 0)
        {
            definition = With(definition, budgets ?? [], seeds ?? []);
            problems.AddRange(StudyRules.Problems(definition).Select(problem => $"{file} with what the command line adds: {problem}"));
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        var recipes = ReadRecipes(definition, file, folder, problems);
        if (problems.Count > 0)
        {
            return new(null, problems);
        }

        var paths = corpusPaths ?? definition.Corpus?.Select(path => CorpusSource.IsAddress(path) ? path : Path.GetFullPath(path, folder)).ToList();
        var study = new Study(definition, file, recipes, paths);
        problems.AddRange(RecipeProblems(study));
        return problems.Count > 0 ? new(null, problems) : new(study, []);
    }

    /// <summary>What is added trains, but changes nothing of what the study says of GLUE and ablations.</summary>
    private static StudyDefinition With(StudyDefinition study, IReadOnlyList<string> budgets, IReadOnlyList<int> seeds) => study with
    {
        Budgets = [.. study.Budgets.Union(budgets)],
        Seeds = [.. study.Seeds.Union(seeds)],
        Ablate = study.Ablate is { } ablation ? ablation with { Seeds = ablation.Seeds ?? study.Seeds } : null,
        Glue = study.Glue is { } glue ? glue with { Budgets = StudyPlan.GlueBudgets(study) } : null,
    };

    private static Dictionary<string, string> ReadRecipes(StudyDefinition definition, string file, string folder, List<string> problems)
    {
        var recipes = new Dictionary<string, string>();
        foreach (var (index, variant) in definition.Variants.Index())
        {
            string path = Path.GetFullPath(variant.Recipe, folder);
            if (File.Exists(path))
            {
                recipes.TryAdd(variant.Name, File.ReadAllText(path));
            }
            else
            {
                problems.Add($"{file}: variants.{index}.recipe must name a recipe file relative to the study, got \"{variant.Recipe}\"; there is no {path}.");
            }
        }

        return recipes;
    }

    /// <summary>What is wrong with the recipes, once for each variant or element and not again for each seed and budget.</summary>
    private static IEnumerable<string> RecipeProblems(Study study)
    {
        var known = new HashSet<string>();
        foreach (var cell in study.Cells)
        {
            double? first = study.Variant(cell.Variant).Grid?.Values[0];
            foreach (string problem in study.Load(cell, first).Problems)
            {
                if (known.Add($"{cell.Label} {problem}"))
                {
                    yield return $"{cell.Name}: {problem}";
                }
            }

            if (study.Load(cell, first).Recipe is { } recipe && study.Definition.Glue is { } glue && cell.Part == StudyPart.Main)
            {
                foreach (string problem in StudySettings.Problems(recipe.FineTuning, glue).Where(problem => known.Add($"{cell.Label} {problem}")))
                {
                    yield return $"{cell.Name}: {problem}";
                }
            }
        }
    }
}
