namespace CramGrains.Model.Recipes;

/// <summary>A complete, declarative run: everything that decides what is trained, on what, for how long, and how it is measured.</summary>
/// <remarks>
/// On disk and on the wire a recipe is JSON with snake_case keys; every key without a default here is required and unknown keys are errors.
/// Its identity is the SHA-256 of its canonical JSON (<see cref="RecipeJson"/>).
/// </remarks>
/// <param name="Name">Short name, letters, digits, '.', '_' and '-'.</param>
/// <param name="Seed">Root of every random stream (init, shuffle, mask, dropout), 0 or more.</param>
/// <param name="Corpus">What text is read and how it becomes rows of tokens.</param>
/// <param name="Architecture">The encoder's shape.</param>
/// <param name="Training">Objective, optimizer, schedule and batch of the pretraining.</param>
/// <param name="HeldOut">How the held-out loss is measured.</param>
/// <param name="Checkpoints">How often the run is saved and how many checkpoints are kept.</param>
/// <param name="FineTuning">The one global GLUE setting.</param>
/// <param name="BudgetHours">Training wall-clock allowed, in hours; exactly one of the three budgets is given.</param>
/// <param name="BudgetTokens">Training tokens allowed (positions read, masked or not).</param>
/// <param name="BudgetExaflop">Training compute allowed, in 1e18 model FLOPs (paper's count, see <see cref="Training"/>).</param>
/// <param name="Description">One sentence for people.</param>
/// <param name="Track">What it competes in: <c>paper</c> claims the paper's rules, which are then checked (<see cref="PaperTrack"/>); any other name is a track of its
/// own; null claims nothing, and counts as the paper's where it bends no rule.</param>
public sealed record Recipe(
    string Name,
    int Seed,
    CorpusRecipe Corpus,
    ArchitectureRecipe Architecture,
    TrainingRecipe Training,
    HeldOutRecipe HeldOut,
    CheckpointRecipe Checkpoints,
    FineTuningRecipe FineTuning,
    double? BudgetHours = null,
    long? BudgetTokens = null,
    double? BudgetExaflop = null,
    string Description = "",
    string? Track = null);

/// <summary>How often the held-out loss is measured: same rows, same masks, always at 15 % masked, so that recipes can be compared.</summary>
/// <param name="Rows">Rows of the held-out part that are evaluated, 1 or more; fewer when the corpus holds fewer.</param>
/// <param name="Evaluations">Evaluations spread evenly over the budget, besides the first and the last; 0 or more. Their time is not charged to the budget.</param>
public sealed record HeldOutRecipe(int Rows, int Evaluations);

/// <summary>When checkpoints are written and how many are kept.</summary>
/// <param name="IntervalSeconds">Training seconds between checkpoints.</param>
/// <param name="Keep">Newest checkpoints kept, 2 or more, so that a torn one has one before it.</param>
public sealed record CheckpointRecipe(double IntervalSeconds, int Keep);
