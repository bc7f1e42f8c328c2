using System.Globalization;

namespace CramGrains.Model.Recipes;

/// <summary>A rule of the paper that a recipe bends.</summary>
/// <param name="Rule">Its name.</param>
/// <param name="Statement">What it asks for.</param>
/// <param name="Got">What the recipe has instead.</param>
/// <param name="Advice">How to keep it.</param>
public sealed record BentRule(string Rule, string Statement, string Got, string Advice);

/// <summary>The paper's rules (Cramming, section 2, and the reference's README) as code: results compare within a track, and a recipe that bends a rule is another track.</summary>
/// <remarks>
/// Some rules hold by construction, because no recipe can say otherwise: masked-language modelling from scratch (there is no setting for weights to start from),
/// no pretrained model in any part, one GPU (an engine has one device), and one fine-tuning setting for all tasks (<see cref="FineTuningRecipe"/> stands once,
/// and settings by task are unknown keys).
/// </remarks>
public static class PaperTrack
{
    /// <summary>The name of the track.</summary>
    public const string Name = "paper";

    /// <summary>Passes over a task's training data that the rules allow.</summary>
    internal const int MostEpochs = 5;

    private const double MostHours = 24;

    private static readonly HashSet<string> DownstreamNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "glue", "glue_data", "glue-data", "super_glue", "superglue", "cola", "sst", "sst2", "sst-2", "mrpc", "sts-b", "stsb", "qqp", "mnli", "multi_nli", "multinli", "qnli", "rte", "wnli",
    };

    /// <summary>The rules that can be bent, by name.</summary>
    public static IReadOnlyList<string> Rules { get; } = ["wall-clock-budget", "raw-text", "five-epochs"];

    /// <summary>The rules that a recipe bends; empty for one that may stand in the paper's track.</summary>
    public static IReadOnlyList<BentRule> Bent(Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        var bent = new List<BentRule>();
        string? budget = recipe.BudgetTokens is { } tokens ? string.Create(CultureInfo.InvariantCulture, $"budget_tokens {tokens}")
            : recipe.BudgetExaflop is { } compute ? string.Create(CultureInfo.InvariantCulture, $"budget_exaflop {compute:R}")
            : recipe.BudgetHours > MostHours ? string.Create(CultureInfo.InvariantCulture, $"budget_hours {recipe.BudgetHours:R}")
            : null;
        if (budget is not null)
        {
            bent.Add(new(Rules[0], $"the budget is training wall-clock, at most {MostHours} hours of one GPU", budget, $"Give budget_hours of at most {MostHours}"));
        }

        foreach (var (index, source) in recipe.Corpus.Sources.Index())
        {
            if (Downstream(source) is { } name)
            {
                bent.Add(new(
                    Rules[1], "the corpus is raw text without downstream data", $"corpus.sources.{index} with \"{name}\" in its name, which is data of GLUE", "Leave that source out, or rename it if it is other text"));
            }
        }

        if (recipe.FineTuning.Epochs > MostEpochs)
        {
            bent.Add(new(Rules[2], $"fine-tuning takes at most {MostEpochs} epochs", $"fine_tuning.epochs {recipe.FineTuning.Epochs}", $"Use {MostEpochs} or fewer"));
        }

        return bent;
    }

    /// <summary>Whether a recipe names a track of its own, beside the paper's.</summary>
    public static bool IsSeparate(Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        return recipe.Track is not (null or Name);
    }

    /// <summary>The track of a recipe for people: its own name for it, the paper's, or none with the rules that an unnamed one bends.</summary>
    public static string Of(Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        IReadOnlyList<BentRule> bent = Bent(recipe);
        return recipe.Track is { } named ? named : bent.Count == 0 ? Name : $"none (bends {string.Join(", ", bent.Select(rule => rule.Rule).Distinct())})";
    }

    /// <summary>The part of a source's name that names downstream data, or null.</summary>
    private static string? Downstream(CorpusSource source) => source.Path?.Split(['/', '\\', ':', '?', '&', '='], StringSplitOptions.RemoveEmptyEntries)
        .Select(part => part.Split('.')[0])
        .Append(source.Config)
        .FirstOrDefault(part => part is not null && DownstreamNames.Contains(part));
}
