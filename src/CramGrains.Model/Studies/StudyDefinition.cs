using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>A comparison of recipes at equal budgets on one device and one corpus, as JSON beside the recipes (<c>studies/*.json</c>).</summary>
/// <remarks>Overrides are written as everywhere: <c>key.path=value</c>. They are applied in the order study, variant, grid, element taken away.</remarks>
/// <param name="Name">Short name, letters, digits, '.', '_' and '-'.</param>
/// <param name="Budgets">What each variant gets, such as <c>2m</c> and <c>8m</c>: a ladder where there are several.</param>
/// <param name="Seeds">Seeds of every variant at every budget; the first also runs the grids.</param>
/// <param name="Variants">What is compared; differences are to the first, the baseline.</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="Corpus">Text files, folders, patterns or addresses that replace the recipes' sources, relative to the study; the command line may name others.</param>
/// <param name="Set">Overrides of every variant.</param>
/// <param name="GridBudget">Budget of one grid point, usually shorter; needed where a variant has a grid.</param>
/// <param name="Ablate">Takes elements of one variant away, one at a time.</param>
/// <param name="Glue">Fine-tunes what was pretrained; null scores the held-out loss alone.</param>
public sealed record StudyDefinition(
    string Name,
    IReadOnlyList<string> Budgets,
    IReadOnlyList<int> Seeds,
    IReadOnlyList<StudyVariant> Variants,
    string Description = "",
    IReadOnlyList<string>? Corpus = null,
    IReadOnlyList<string>? Set = null,
    string? GridBudget = null,
    StudyAblation? Ablate = null,
    StudyGlue? Glue = null);

/// <summary>One side of the comparison.</summary>
/// <param name="Name">Short name, and a folder's.</param>
/// <param name="Recipe">Recipe file, relative to the study.</param>
/// <param name="Set">Overrides of this variant.</param>
/// <param name="Grid">Values tried for one setting before the main runs; null takes the recipe's.</param>
public sealed record StudyVariant(string Name, string Recipe, IReadOnlyList<string>? Set = null, StudyGrid? Grid = null);

/// <summary>A small grid over one setting; the value with the lowest final held-out loss is used from then on.</summary>
/// <param name="Key">The setting, such as <c>training.optimizer.learning_rate</c>.</param>
/// <param name="Values">What is tried, two or more.</param>
public sealed record StudyGrid(string Key, IReadOnlyList<double> Values);

/// <summary>A variant with one element less at a time.</summary>
/// <param name="Variant">The full variant.</param>
/// <param name="Without">The elements.</param>
/// <param name="Budget">One budget; the first of the study unless given.</param>
/// <param name="Seeds">The study's unless given.</param>
public sealed record StudyAblation(string Variant, IReadOnlyList<StudyElement> Without, string? Budget = null, IReadOnlyList<int>? Seeds = null);

/// <summary>What is done to a variant to take one element away.</summary>
/// <param name="Name">The element.</param>
/// <param name="Set">Overrides on top of the variant's, grid value included.</param>
public sealed record StudyElement(string Name, IReadOnlyList<string> Set);

/// <summary>Fine-tuning of what the variants' main runs made: one setting for all tasks of a variant, chosen on held-out training data, never on dev.</summary>
/// <param name="Tasks">The tasks.</param>
/// <param name="Seeds">Fine-tuning seeds of each pretrained model.</param>
/// <param name="Settings">Candidates, each a list of overrides of <c>fine_tuning</c>; none or one needs no choice.</param>
/// <param name="Set">Overrides under every candidate, such as <c>maximum_train_examples=20000</c>.</param>
/// <param name="ChoiceSet">Overrides on top while choosing, to make the choice cheaper.</param>
/// <param name="ChoiceSeeds">Seeds of each candidate; the first of <paramref name="Seeds"/> unless given.</param>
/// <param name="Budgets">Budgets whose models are fine-tuned; the longest of the study unless given. The choice is made on the last.</param>
/// <param name="PretrainingSeeds">Seeds of pretraining whose models are fine-tuned; all of the study unless given. The choice is made on the first.</param>
public sealed record StudyGlue(
    IReadOnlyList<GlueTaskName> Tasks,
    IReadOnlyList<int> Seeds,
    IReadOnlyList<IReadOnlyList<string>>? Settings = null,
    IReadOnlyList<string>? Set = null,
    IReadOnlyList<string>? ChoiceSet = null,
    IReadOnlyList<int>? ChoiceSeeds = null,
    IReadOnlyList<string>? Budgets = null,
    IReadOnlyList<int>? PretrainingSeeds = null);
