using System.Globalization;
using System.Text.Json.Serialization;

namespace CramGrains.Model.Studies;

/// <summary>What a pretraining of a study is for.</summary>
public enum StudyPart
{
    /// <summary>One value of a variant's grid.</summary>
    Grid = 1,

    /// <summary>A variant at a budget with a seed.</summary>
    Main = 2,

    /// <summary>A variant with one element less.</summary>
    Ablation = 3,
}

/// <summary>One pretraining of a study.</summary>
/// <param name="Part">What it is for.</param>
/// <param name="Variant">The variant.</param>
/// <param name="Budget">Its budget as the study writes it.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="GridValue">The value of the grid; null elsewhere.</param>
/// <param name="Without">The element that is taken away; null elsewhere.</param>
public sealed record StudyCell(StudyPart Part, string Variant, string Budget, int Seed, double? GridValue = null, string? Without = null)
{
    /// <summary>The variant, and what it is without.</summary>
    [JsonIgnore]
    public string Label => Without is null ? Variant : $"{Variant}-without-{Without}";

    /// <summary>Name for people, as <c>--only</c> takes it: <c>modern@8m#0</c>, <c>modern@grid=0.02#0</c>, <c>modern-without-muon@8m#0</c>.</summary>
    [JsonIgnore]
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Label}@{(GridValue is { } value ? $"grid={Text(value)}" : Budget)}#{Seed}");

    /// <summary>Its folder in the study's, with '/' between the parts.</summary>
    [JsonIgnore]
    public string Folder => string.Create(CultureInfo.InvariantCulture, $"cells/{Label}/{(GridValue is { } value ? $"grid-{Text(value)}-{Budget}" : Budget)}/seed-{Seed}");

    /// <summary>A grid's value as it stands in names and overrides.</summary>
    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}

/// <summary>Which cells a call is about.</summary>
/// <param name="Variant">A variant, or a variant without an element; ending with '*', any that begins so; null is any.</param>
/// <param name="Budget">A budget, or <c>grid</c>; null is any.</param>
/// <param name="Seed">A seed; null is any.</param>
public sealed record StudySelection(string? Variant, string? Budget, int? Seed)
{
    /// <summary>Reads <c>VARIANT[@BUDGET][#SEED]</c>; the variant may be left out.</summary>
    /// <exception cref="ArgumentException">It is of another form.</exception>
    public static StudySelection Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string rest = text;
        int? seed = null;
        if (rest.LastIndexOf('#') is >= 0 and var hash)
        {
            seed = int.TryParse(rest.AsSpan(hash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : throw Wrong();
            rest = rest[..hash];
        }

        string? budget = null;
        if (rest.LastIndexOf('@') is >= 0 and var at)
        {
            budget = rest[(at + 1)..];
            rest = rest[..at];
        }

        return budget is "" || (rest.Length == 0 && budget is null && seed is null) ? throw Wrong() : new(rest.Length == 0 ? null : rest, budget, seed);

        ArgumentException Wrong() => new($"--only {text}: expected VARIANT[@BUDGET][#SEED], for example modern@8m#0, or @grid for every grid.");
    }

    /// <summary>Whether a cell is meant. A grid point has no place in the ladder: it is meant by its variant alone, or by <c>@grid</c>.</summary>
    public bool Covers(StudyCell cell)
    {
        ArgumentNullException.ThrowIfNull(cell);
        bool budget = Budget is null || (cell.Part == StudyPart.Grid ? Budget == "grid" || Budget == $"grid={StudyCell.Text(cell.GridValue!.Value)}" : Budget == cell.Budget);
        return (Variant is null || Variant == cell.Label || (Variant.EndsWith('*') && cell.Label.StartsWith(Variant[..^1], StringComparison.Ordinal))) && budget && (Seed is null || Seed == cell.Seed);
    }
}
