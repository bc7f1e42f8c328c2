using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>A study that has been checked: its definition with the recipes that it names.</summary>
public sealed class Study
{
    private readonly string _origin;
    private readonly IReadOnlyDictionary<string, string> _recipes;
    private readonly IReadOnlyList<string>? _corpusPaths;

    internal Study(StudyDefinition definition, string origin, IReadOnlyDictionary<string, string> recipes, IReadOnlyList<string>? corpusPaths)
    {
        (Definition, _origin, _recipes, _corpusPaths) = (definition, origin, recipes, corpusPaths);
        Cells = StudyPlan.Cells(definition);
    }

    /// <summary>What was asked for.</summary>
    public StudyDefinition Definition { get; }

    /// <summary>Every pretraining in order.</summary>
    public IReadOnlyList<StudyCell> Cells { get; }

    /// <summary>A variant by its name.</summary>
    public StudyVariant Variant(string name) => Definition.Variants.First(variant => variant.Name == name);

    /// <summary>The recipe of a cell.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="gridValue">The value that the variant's grid chose; null before it has chosen, and where there is none. A grid point brings its own.</param>
    /// <returns>The recipe with every override, its budget and its seed.</returns>
    /// <exception cref="ArgumentException">Every reason why it cannot be trained.</exception>
    public Recipe RecipeOf(StudyCell cell, double? gridValue)
    {
        ArgumentNullException.ThrowIfNull(cell);
        var loaded = Load(cell, gridValue);
        return loaded.Recipe ?? throw new ArgumentException(string.Join('\n', loaded.Problems.Select(problem => $"{cell.Name}: {problem}")));
    }

    /// <summary>As a recipe is compared and stored: its text is known by the corpus' digest, not by where it lay.</summary>
    public static Recipe Anonymous(Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return recipe with { Corpus = recipe.Corpus with { Sources = [new CorpusSource(CorpusSourceKind.Text, "corpus")] } };
    }

    internal RecipeLoadResult Load(StudyCell cell, double? gridValue)
    {
        var variant = Variant(cell.Variant);
        double? value = cell.GridValue ?? gridValue;
        string[] overrides =
        [
            .. Definition.Set ?? [],
            .. variant.Set ?? [],
            .. variant.Grid is { } grid && value is { } chosen ? [$"{grid.Key}={StudyCell.Text(chosen)}"] : (string[])[],
            .. cell.Without is { } element ? Definition.Ablate!.Without.First(other => other.Name == element).Set : [],
            $"budget={cell.Budget}",
            $"seed={cell.Seed}",
        ];
        return RecipeLoader.Load(_recipes[variant.Name], $"{_origin}: {variant.Recipe}", overrides, corpusPaths: _corpusPaths);
    }
}
