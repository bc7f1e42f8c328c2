using System.Globalization;
using System.Text;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Export;

/// <summary>A score on a downstream task, as the model card shows it.</summary>
/// <param name="Task">The task, such as <c>mnli</c>.</param>
/// <param name="Metric">The metric's name.</param>
/// <param name="Value">The median, in the metric's own unit.</param>
/// <param name="Spread">Lowest and highest over seeds, or another note such as <c>subset</c>; null for none.</param>
public sealed record CardScore(string Task, string Metric, double Value, string? Spread = null);

/// <summary>What is known of a model, for people who find its folder. What is null is said to be unknown, never guessed.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Recipe">The recipe that it was trained with.</param>
/// <param name="Hardware">The device.</param>
/// <param name="TrainingHours">Training wall-clock used.</param>
/// <param name="TokensSeen">Training tokens read.</param>
/// <param name="Exaflop">Training compute used, in 1e18 model FLOPs.</param>
/// <param name="HeldOutLossNats">Held-out loss at 15 % masked.</param>
/// <param name="Scores">Downstream scores; empty for none.</param>
/// <param name="Decontamination">How the training text was compared with evaluation sets, and what was found or removed.</param>
/// <param name="Origin">Where imported weights came from.</param>
public sealed record ModelCard(
    string Name,
    Recipe? Recipe = null,
    string? Hardware = null,
    double? TrainingHours = null,
    long? TokensSeen = null,
    double? Exaflop = null,
    double? HeldOutLossNats = null,
    IReadOnlyList<CardScore>? Scores = null,
    string? Decontamination = null,
    string? Origin = null)
{
    /// <summary>The card as Markdown with the front matter that the Hugging Face hub reads.</summary>
    /// <param name="model">The model that it describes.</param>
    /// <param name="target">The class that the folder opens with.</param>
    internal string ToMarkdown(ModelToExport model, HuggingFaceClass target)
    {
        var text = new StringBuilder();
        Line("---");
        Line("library_name: transformers");
        Line("pipeline_tag: fill-mask");
        Line("language: en");
        Line("tags: [cramming, bert, masked-lm]");
        Line("---");
        Line($"# {Name}");
        Line();
        Line(Recipe?.Description is { Length: > 0 } description ? description : "A masked language model, trained from scratch with CramGrains after \"Cramming\" (arXiv:2212.14034).");
        Line();
        AddUse(model, target);
        AddTraining(model);
        AddScores();
        Line("## Overlap with evaluation data");
        Line();
        Line(Decontamination ?? "Not known: the training text was not compared with any evaluation set, or the report was not passed to this export.");
        if (Recipe is not null)
        {
            Line();
            Line("## Recipe");
            Line();
            Line("```json");
            Line(RecipeJson.ToCanonicalJson(Recipe));
            Line("```");
        }

        return text.ToString();

        void Line(string line = "") => text.Append(line).Append('\n');

        void AddUse(ModelToExport exported, HuggingFaceClass type)
        {
            string trust = type == HuggingFaceClass.Crammed ? ", trust_remote_code=True" : "";
            Line("```python");
            Line("from transformers import AutoModelForMaskedLM, AutoTokenizer");
            Line();
            Line($"tokenizer = AutoTokenizer.from_pretrained(FOLDER{trust})");
            Line($"model = AutoModelForMaskedLM.from_pretrained(FOLDER{trust})");
            Line("```");
            Line();
            Line(type == HuggingFaceClass.Crammed
                ? $"The architecture is expressed by `{CrammedExport.PythonFiles[1]}` in this folder, which is short; read it before you trust it."
                : $"The architecture is transformers' own `{type}ForMaskedLM`; no code of ours is needed.");
            Line($"Inputs have at most {exported.MaximumLength} tokens, special tokens included.");
            if (Recipe?.Corpus.Packing is RowPacking.Continuous or RowPacking.ReferenceGroups)
            {
                Line("Pretraining rows hold `[SEP]` between documents but no `[CLS]`: to fill masks without fine-tuning, tokenize with `add_special_tokens=False`.");
            }

            Line();
        }

        void AddTraining(ModelToExport exported)
        {
            Line("## Training");
            Line();
            Line("| | |");
            Line("| --- | --- |");
            Row("Parameters", ModelCost.Parameters(exported.Architecture, exported.EmbeddingRows, exported.MaximumLength).ToString("N0", CultureInfo.InvariantCulture));
            Row("Track", Recipe is null ? null : PaperTrack.Of(Recipe));
            Row("Budget", Recipe is null ? null : Budget(Recipe));
            Row("Training time used", TrainingHours is { } hours ? Time(hours) : null);
            Row("Tokens seen", TokensSeen?.ToString("N0", CultureInfo.InvariantCulture));
            Row("Model compute used", Exaflop is { } exaflop ? Invariant($"{exaflop:G4} exaFLOP") : null);
            Row("Hardware", Hardware);
            Row("Held-out loss at 15 % masked", HeldOutLossNats is { } loss ? Invariant($"{loss:0.####} nats") : null);
            Row("Data", Recipe is null ? null : string.Join(", ", Recipe.Corpus.Sources.Select(source => source.Path is null ? "the .NET reference documentation" : Path.GetFileName(source.Path))));
            Row("Weights from", Origin ?? "this run");
            Line();
        }

        void AddScores()
        {
            Line("## Scores");
            Line();
            if (Scores is not { Count: > 0 })
            {
                Line("Not evaluated on downstream tasks.");
                Line();
                return;
            }

            Line("| task | metric | median | note |");
            Line("| --- | --- | --- | --- |");
            foreach (var score in Scores)
            {
                Line(Invariant($"| {score.Task} | {score.Metric} | {score.Value:0.####} | {score.Spread ?? ""} |"));
            }

            Line();
        }

        void Row(string what, string? value) => Line($"| {what} | {value ?? "not known"} |");
    }

    private static string Budget(Recipe recipe) => recipe switch
    {
        { BudgetHours: { } hours } => $"{Time(hours)} of training wall-clock on one device",
        { BudgetTokens: { } tokens } => Invariant($"{tokens:N0} tokens"),
        { BudgetExaflop: { } exaflop } => Invariant($"{exaflop:G4} exaFLOP"),
        _ => "none",
    };

    private static string Time(double hours) => hours < 0.1 ? Invariant($"{hours * 3600:G4} s") : Invariant($"{hours:0.###} h");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
