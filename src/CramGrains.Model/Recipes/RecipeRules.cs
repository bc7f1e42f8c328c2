using System.Globalization;

namespace CramGrains.Model.Recipes;

/// <summary>The range of every setting, and what cannot go together.</summary>
internal static partial class RecipeRules
{
    /// <summary>Layers of a model at most.</summary>
    internal const int MostLayers = 512;

    /// <summary>All that is wrong with a recipe; each line begins with the key's path.</summary>
    public static IReadOnlyList<string> Problems(Recipe recipe)
    {
        var rules = new Collector();
        Run(recipe, rules);
        Corpus(recipe.Corpus, rules);
        Architecture(recipe.Architecture, rules);
        Training(recipe.Training, rules);
        Optimizer(recipe.Training.Optimizer, rules);
        Schedule(recipe.Training.Schedule, rules);
        FineTuning(recipe.FineTuning, rules, recipe.Track is null ? PaperTrack.MostEpochs : 10_000);
        Track(recipe, rules);
        Together(recipe, rules);
        return rules.Problems;
    }

    /// <summary>All that is wrong with fine-tuning settings alone.</summary>
    public static IReadOnlyList<string> Problems(FineTuningRecipe tuning)
    {
        var rules = new Collector();
        FineTuning(tuning, rules, PaperTrack.MostEpochs);
        return rules.Problems;
    }

    private static void Run(Recipe recipe, Collector rules)
    {
        rules.Check(IsName(recipe.Name), "name", "must be 1 to 64 letters, digits, '.', '_' or '-'", $"\"{recipe.Name}\"");
        rules.AtLeast("seed", recipe.Seed, 0);

        int budgets = (recipe.BudgetHours is null ? 0 : 1) + (recipe.BudgetTokens is null ? 0 : 1) + (recipe.BudgetExaflop is null ? 0 : 1);
        rules.Check(
            budgets == 1, "budget_hours, budget_tokens, budget_exaflop", "must be given exactly once", budgets == 0 ? "none" : $"{budgets}",
            budgets == 0 ? "Add one, for example \"budget_hours\": 24." : "Keep one of them.");
        rules.Above("budget_hours", recipe.BudgetHours ?? 1, 0, 1e5);
        rules.AtLeast("budget_tokens", recipe.BudgetTokens ?? 1, 1);
        rules.Above("budget_exaflop", recipe.BudgetExaflop ?? 1, 0, 1e9);

        rules.AtLeast("held_out.rows", recipe.HeldOut.Rows, 1);
        rules.AtLeast("held_out.evaluations", recipe.HeldOut.Evaluations, 0);
        rules.Above("checkpoints.interval_seconds", recipe.Checkpoints.IntervalSeconds, 0, 1e9);
        rules.Within("checkpoints.keep", recipe.Checkpoints.Keep, 2, 10_000, "Keep 2 or more, so that a torn checkpoint has one before it.");
    }

    private static void Track(Recipe recipe, Collector rules)
    {
        rules.Check(recipe.Track is null || IsName(recipe.Track), "track", "must be 1 to 64 letters, digits, '.', '_' or '-'", $"\"{recipe.Track}\"");
        foreach (BentRule bent in recipe.Track == PaperTrack.Name ? PaperTrack.Bent(recipe) : [])
        {
            rules.Check(
                false, "track", $"cannot be {PaperTrack.Name} under its rule {bent.Rule}: {bent.Statement}", bent.Got,
                $"{bent.Advice}, or name another track, for example --set track=my-track.");
        }
    }

    private static bool IsName(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    private static void Corpus(CorpusRecipe corpus, Collector rules)
    {
        rules.Check(corpus.Sources.Count > 0, "corpus.sources", "must name at least one source", "none");
        foreach (var (index, source) in corpus.Sources.Index())
        {
            Source($"corpus.sources.{index}", source, rules);
        }

        rules.Within("corpus.vocabulary_size", corpus.VocabularySize, 32, 1_048_576, "Up to 65,536 ids take two bytes each, more take four.");
        rules.Within("corpus.sequence_length", corpus.SequenceLength, 8, 8192);
        rules.Within("corpus.pair_fraction", corpus.PairFraction ?? 0, 0, 1);
        rules.Check(corpus.PairFraction is null || corpus.Packing == RowPacking.Framed, "corpus.pair_fraction", "goes with packing framed alone", Text(corpus.PairFraction ?? 0), "Set corpus.packing to framed, or leave it out.");
        rules.Above("corpus.held_out_fraction", corpus.HeldOutFraction, 0, 0.5);
        rules.AtLeast("corpus.minimum_document_characters", corpus.MinimumDocumentCharacters, 0);
        rules.AtLeast("corpus.maximum_documents", corpus.MaximumDocuments ?? 1, 1);
        rules.Above("corpus.trash_cutoff", corpus.TrashCutoff ?? 1, 0, 1);
        rules.Within("corpus.near_duplicates.similarity", corpus.NearDuplicates?.Similarity ?? 1, 0.5, 1);
        rules.Within("corpus.near_duplicates.shingle_words", corpus.NearDuplicates?.ShingleWords ?? 1, 1, 100);
        rules.Within("corpus.repeated_text.minimum_bytes", corpus.RepeatedText?.MinimumBytes ?? 32, 32, 1_000_000, "Shorter stretches repeat by chance.");
    }

    private static void Source(string path, CorpusSource source, Collector rules)
    {
        string kind = System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(source.Kind.ToString());
        bool needsPath = source.Kind != CorpusSourceKind.DotnetReference;
        bool isHub = source.Kind == CorpusSourceKind.HuggingFace;
        bool isAddress = !isHub && CorpusSource.IsAddress(source.Path);
        rules.Check(
            !needsPath || !string.IsNullOrWhiteSpace(source.Path), $"{path}.path",
            isHub ? "must name a data set of the hub for kind hugging-face, such as wikimedia/wikipedia" : $"must name a file, folder, pattern or HTTP(S) address for kind {kind}", "nothing");
        rules.Check(needsPath || source.Path is null, $"{path}.path", "must be absent for kind dotnet-reference", $"\"{source.Path}\"");
        rules.Above($"{path}.weight", source.Weight, 0, 1e6);
        rules.Check(
            source.Field is null || source.Kind is CorpusSourceKind.JsonLines or CorpusSourceKind.Parquet or CorpusSourceKind.HuggingFace, $"{path}.field",
            $"must be absent for kind {kind}, which has no fields", $"\"{source.Field}\"");
        rules.Check(source.Field is not "", $"{path}.field", "must name the field that holds the text", "\"\"");
        rules.Check(isHub || source.Config is null, $"{path}.config", "goes with kind hugging-face alone", $"\"{source.Config}\"");
        rules.Check(isHub || source.Split is null, $"{path}.split", "goes with kind hugging-face alone", $"\"{source.Split}\"");
        rules.Check(
            !isHub || source.Path is null || HubName().IsMatch(source.Path), $"{path}.path", "must be a data set of the hub as owner/name or name", $"\"{source.Path}\"");
        rules.Check(isAddress || source.Sha256 is null, $"{path}.sha256", "goes with an HTTP(S) address alone", $"\"{source.Sha256}\"");
        rules.Check(
            source.Sha256 is null || (source.Sha256.Length == 64 && source.Sha256.All(char.IsAsciiHexDigit)), $"{path}.sha256", "must be 64 hexadecimal digits", $"\"{source.Sha256}\"");
        rules.Check(
            !isAddress || Uri.TryCreate(source.Path, UriKind.Absolute, out _), $"{path}.path", "must be a valid HTTP(S) address", $"\"{source.Path}\"");
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"^[\w.-]+(/[\w.-]+)?$")]
    private static partial System.Text.RegularExpressions.Regex HubName();

    private static void Architecture(ArchitectureRecipe shape, Collector rules)
    {
        rules.Within("architecture.layers", shape.Layers, 1, MostLayers);
        rules.Within("architecture.hidden_size", shape.HiddenSize, 2, 65_536);
        rules.Within("architecture.heads", shape.Heads, 1, 1024);
        rules.Within("architecture.feed_forward_size", shape.FeedForwardSize, 2, 1_048_576);
        rules.Above("architecture.norm_epsilon", shape.NormEpsilon, 0, 0.1);
        rules.From("architecture.dropout", shape.Dropout, 0, 1);
        rules.Above("architecture.initialization_std", shape.InitializationStd, 0, 1);
        if (shape.Heads < 1)
        {
            return;
        }

        rules.Check(
            shape.HiddenSize % shape.Heads == 0, "architecture.hidden_size", $"must be a multiple of architecture.heads ({shape.Heads})", $"{shape.HiddenSize}");
        rules.Check(
            shape.Positions != PositionKind.Rotary || shape.HiddenSize / shape.Heads % 2 == 0,
            "architecture.positions", "rotary needs an even head size", $"{shape.HiddenSize} / {shape.Heads}");
        rules.Check(
            shape.Positions is not (PositionKind.Sinusoidal or PositionKind.ScaledSinusoidal) || shape.HiddenSize % 2 == 0,
            "architecture.hidden_size", "must be even for sinusoidal positions", $"{shape.HiddenSize}");
        rules.Check(
            shape.FeedForward is not (FeedForwardKind.GeluGated or FeedForwardKind.SwishGated) || shape.FeedForwardSize % 2 == 0,
            "architecture.feed_forward_size", "must be even for a gated unit, which halves it", $"{shape.FeedForwardSize}");
        rules.Check(
            shape.NormPlacement == NormPlacement.Pre || !shape.FinalNorm,
            "architecture.final_norm", "cannot go with norm_placement post, whose last layer already ends with a norm", "true",
            "Set final_norm to false.");
        rules.Check(
            shape.FirstAttentionNorm || (shape.NormPlacement == NormPlacement.Pre && shape.EmbeddingNorm),
            "architecture.first_attention_norm", "can be left out only with norm_placement pre and embedding_norm, which stands in for it", "false");
        rules.Within("architecture.segment_types", shape.SegmentTypes, 0, 16);
        Initialization(shape, rules);
    }

    private static void Initialization(ArchitectureRecipe shape, Collector rules)
    {
        string kind = System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(shape.Initialization.ToString());
        rules.Check(
            !shape.ZeroInitializeOutputs || shape.Initialization is InitializationKind.Normal or InitializationKind.Small, "architecture.zero_initialize_outputs",
            $"cannot go with initialization {kind}, which sets the same matrices", "true", "Use initialization normal or small, or leave it out.");
        rules.Check(
            shape.Initialization is InitializationKind.Normal or InitializationKind.Megatron || shape.InitializationStd == ArchitectureRecipe.DefaultInitializationStd,
            "architecture.initialization_std", $"cannot go with initialization {kind}, which computes its own", Text(shape.InitializationStd), "Leave it out.");
    }

    private static void Training(TrainingRecipe training, Collector rules)
    {
        rules.Fraction("training.mask_fraction", training.MaskFraction);
        if (training.MaskFractionEnd is { } end)
        {
            rules.Fraction("training.mask_fraction_end", end);
            rules.Check(end <= training.MaskFraction, "training.mask_fraction_end", $"must be at most training.mask_fraction ({Text(training.MaskFraction)})", Text(end));
        }

        rules.Within("training.microbatch_size", training.MicrobatchSize, 1, 1_048_576);
        rules.AtLeast("training.batch_size", training.BatchSize, 1);
        rules.Check(
            training.MicrobatchSize < 1 || training.BatchSize % training.MicrobatchSize == 0,
            "training.batch_size", $"must be a multiple of training.microbatch_size ({training.MicrobatchSize})", $"{training.BatchSize}");
        rules.Within("training.batch_ramp_fraction", training.BatchRampFraction, 0, 1);
        rules.AtLeast("training.batch_ramp_steps", training.BatchRampSteps ?? 1, 1);
        rules.Check(
            training.BatchRampSteps is null || training.BatchRampFraction == 0, "training.batch_ramp_steps", "cannot go with a training.batch_ramp_fraction above 0",
            $"{training.BatchRampSteps} beside {Text(training.BatchRampFraction)}", "Set one of the ramps, and batch_ramp_fraction to 0 for the other.");
        int start = training.BatchSizeStart ?? training.MicrobatchSize;
        rules.Check(
            training.BatchSizeStart is null || training.MicrobatchSize < 1 || (start >= 1 && start % training.MicrobatchSize == 0 && start <= training.BatchSize),
            "training.batch_size_start", $"must be a multiple of training.microbatch_size ({training.MicrobatchSize}), at most training.batch_size ({training.BatchSize})", $"{start}");
        rules.Check(
            training.BatchSizeStart is null || training.BatchRampFraction != 0 || training.BatchRampSteps is not null, "training.batch_size_start",
            "needs a ramp that starts from it", $"{start} without one", "Set training.batch_ramp_fraction or training.batch_ramp_steps, or leave it out.");
        rules.Within("training.gradient_clip_norm", training.GradientClipNorm, 0, 1e9);
        rules.Within("training.z_loss", training.ZLoss, 0, 1);
    }

    private static void Schedule(ScheduleRecipe schedule, Collector rules)
    {
        const string Path = "training.schedule";
        rules.From($"{Path}.warmup_fraction", schedule.WarmupFraction, 0, 1);
        rules.Within($"{Path}.cooldown_fraction", schedule.CooldownFraction, 0, 1);
        rules.AtLeast($"{Path}.steps", schedule.Steps ?? 1, 1);
        rules.Check(
            schedule.WarmupFraction + schedule.CooldownFraction <= 1, $"{Path}.cooldown_fraction", "must leave room for the warm-up: both sum to at most 1",
            Text(schedule.WarmupFraction + schedule.CooldownFraction));
        string kind = System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(schedule.Kind.ToString());
        rules.Check(
            schedule.WarmupFraction == 0 || Model.Training.Schedules.HasWarmup(schedule.Kind), $"{Path}.warmup_fraction", $"must be 0 with kind {kind}, whose shape has none",
            Text(schedule.WarmupFraction));
        rules.Check(
            schedule.CooldownFraction == 0 || Model.Training.Schedules.HasCooldown(schedule.Kind), $"{Path}.cooldown_fraction", $"must be 0 with kind {kind}, whose shape has none",
            Text(schedule.CooldownFraction));
        rules.Check(
            schedule.Kind != ScheduleKind.InverseSqrt || schedule.WarmupFraction > 0, $"{Path}.warmup_fraction", "must be above 0 with kind inverse-sqrt, which scales by it",
            "0");
    }

    private static void FineTuning(FineTuningRecipe tuning, Collector rules, int mostEpochs)
    {
        rules.Check(tuning.Tasks.Distinct().Count() == tuning.Tasks.Count, "fine_tuning.tasks", "must name each task once", "a task twice");
        rules.Within("fine_tuning.seeds", tuning.Seeds, 1, 1000);
        rules.Within("fine_tuning.batch_size", tuning.BatchSize, 1, 65_536);
        rules.Above("fine_tuning.learning_rate", tuning.LearningRate, 0, 1);
        rules.Within("fine_tuning.epochs", tuning.Epochs, 1, mostEpochs, mostEpochs == PaperTrack.MostEpochs ? "The paper's rules allow at most 5." : "");
        rules.From("fine_tuning.warmup_fraction", tuning.WarmupFraction, 0, 1);
        rules.From("fine_tuning.dropout", tuning.Dropout, 0, 1);
        rules.Within("fine_tuning.maximum_length", tuning.MaximumLength, 8, 8192);
        rules.From("fine_tuning.beta1", tuning.Beta1, 0, 1);
        rules.From("fine_tuning.beta2", tuning.Beta2, 0, 1);
        rules.Above("fine_tuning.epsilon", tuning.Epsilon, 0, 1);
        rules.Within("fine_tuning.weight_decay", tuning.WeightDecay, 0, 10);
        rules.Within("fine_tuning.head_size", tuning.HeadSize, 0, 65_536);
        rules.AtLeast("fine_tuning.maximum_train_examples", tuning.MaximumTrainExamples ?? 1, 1);
    }

    private static void Together(Recipe recipe, Collector rules)
    {
        rules.Check(
            recipe.Architecture.Positions != PositionKind.Learned || recipe.FineTuning.MaximumLength <= recipe.Corpus.SequenceLength,
            "fine_tuning.maximum_length", $"must be at most corpus.sequence_length ({recipe.Corpus.SequenceLength}) with learned positions, which end there",
            $"{recipe.FineTuning.MaximumLength}");
        double? scalarRate = recipe.Training.Optimizer.ScalarLearningRate;
        rules.Above("training.optimizer.scalar_learning_rate", scalarRate ?? 1, 0, 10);
        rules.Check(
            scalarRate is null || recipe.Architecture.ResidualScalars, "training.optimizer.scalar_learning_rate", "goes with architecture.residual_scalars alone", Text(scalarRate ?? 0),
            "Set architecture.residual_scalars to true, or leave it out.");
        double masked = (recipe.Training.MaskFractionEnd ?? recipe.Training.MaskFraction) * recipe.Training.MicrobatchSize * recipe.Corpus.SequenceLength;
        rules.Check(masked is not (>= 0 and < 1), "training.mask_fraction", "must mask at least one position of a microbatch", Text(masked));
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Collects problems; the checks of ranges are named by their interval.</summary>
    private sealed class Collector
    {
        public List<string> Problems { get; } = [];

        public void Check(bool holds, string path, string rule, string got, string advice = "")
        {
            if (!holds)
            {
                Problems.Add($"{path} {rule}, got {got}.{(advice.Length > 0 ? " " : "")}{advice}");
            }
        }

        public void AtLeast(string path, long value, long minimum) => Check(value >= minimum, path, $"must be {minimum} or more", $"{value}");

        public void Within(string path, double value, double minimum, double maximum, string advice = "") =>
            Check(value >= minimum && value <= maximum, path, $"must be in [{Text(minimum)}, {Text(maximum)}]", Text(value), advice);

        public void Above(string path, double value, double minimum, double maximum) =>
            Check(value > minimum && value <= maximum, path, $"must be in ({Text(minimum)}, {Text(maximum)}]", Text(value));

        public void From(string path, double value, double minimum, double maximum) =>
            Check(value >= minimum && value < maximum, path, $"must be in [{Text(minimum)}, {Text(maximum)})", Text(value));

        public void Fraction(string path, double value) => Check(
            value > 0 && value < 1, path, "must be in (0, 1)", Text(value),
            value is > 1 and < 100 ? $"Use {Text(value / 100)} for {Text(value)} %." : "");
    }
}
