using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;

namespace CramGrains.Silo.Commands;

/// <summary>What a command line of <c>cram study</c> asks for, read and checked.</summary>
/// <param name="Study">The study.</param>
/// <param name="Sources">Where its rows come from.</param>
/// <param name="Output">Folder of its results.</param>
/// <param name="ExportTokens">Only writes the rows to this file.</param>
/// <param name="PretrainOnly">Runs no GLUE in this call.</param>
/// <param name="IsSelected">Which cells are run in this call.</param>
/// <param name="Keep">Keeps the weights of every cell.</param>
/// <param name="Cache">Folder of compiled kernels.</param>
/// <param name="Device">The device's name.</param>
/// <param name="Json">Print JSON.</param>
internal sealed record StudyRequest(
    Study Study, StudySources Sources, string? Output, string? ExportTokens, bool PretrainOnly, Func<StudyCell, bool> IsSelected, bool Keep, string Cache, string? Device, bool Json);

/// <summary>The options of <c>cram study</c>.</summary>
internal sealed class StudyOptions
{
    // Timers reach 49 days.
    private const int MostHours = 1000;

    public Argument<string> File { get; } = new("STUDY") { Description = "Study file, such as studies/mini-cram.json." };

    public Option<string?> Output { get; } = new("--out") { Description = "Folder of the results; run again, it goes on from what is there. May be carried to another machine in between." };

    public Option<string[]> Corpus { get; } = new("--corpus")
    {
        Description = "A prepared corpus (digest or folder), or text files and folders that replace the study's; may be repeated.", AllowMultipleArgumentsPerToken = true,
    };

    public Option<string?> Tokens { get; } = new("--tokens") { Description = "Instead of a corpus: a file of rows of little-endian 16-bit ids without a header, held-out rows first." };

    public Option<string?> RowOrder { get; } = new("--row-order") { Description = "Row numbers for --tokens, little-endian 32- or 64-bit, the held-out rows first; as they stand unless given." };

    public Option<int> HeldOutRows { get; } = new Option<int>("--held-out-rows") { Description = "Rows of --tokens that are held out.", DefaultValueFactory = _ => TokenFile.DefaultHeldOutRows }.AtLeastOne();

    public Option<string?> Vocabulary { get; } = new("--vocabulary") { Description = "Vocabulary of --tokens, one entry a line; GLUE needs it." };

    public Option<string?> ExportTokens { get; } = new("--export-tokens") { Description = "Trains nothing: writes the study's rows to a file that --tokens and other programs read." };

    public Option<string?> Glue { get; } = GlueCommand.GlueOption();

    public Option<string[]> Only { get; } = new("--only") { Description = "Runs VARIANT[@BUDGET][#SEED] and what it rests on: its grid, and the model on which its GLUE setting is chosen; @grid is every grid. May be repeated.", AllowMultipleArgumentsPerToken = true };

    public Option<string[]> Budget { get; } = new("--budget") { Description = "Runs these budgets only, such as 2m; one that the study does not have is added.", AllowMultipleArgumentsPerToken = true };

    public Option<int[]> Seeds { get; } = new("--seeds") { Description = "Runs these seeds only; one that the study does not have is added.", AllowMultipleArgumentsPerToken = true };

    public Option<bool> PretrainOnly { get; } = new("--pretrain-only") { Description = "Runs no GLUE in this call. --glue still keeps its sentences out of a corpus that is prepared." };

    public Option<string?> MaximumTime { get; } = new("--max-time") { Description = "Saves and stops after this wall clock, such as 9m, counted from the start of the program; exit code 75 says that the study is not finished." };

    public Option<bool> Keep { get; } = new("--keep") { Description = "Keeps the weights of every pretraining, not only of those that GLUE needs." };

    public Option<string?> Corpora { get; } = LocalCorpora.Option();

    public Option<string?> Cache { get; } = LocalCorpora.CacheOption();

    public Option<string?> Device { get; } = LocalDevice.Option();

    public Option<bool> Json { get; } = new("--json") { Description = "Print study.json instead of the table." };

    /// <summary>A time such as <c>9m</c>; null for none.</summary>
    /// <exception cref="ArgumentException">It is no time.</exception>
    public static TimeSpan? Time(string? text) => text is null ? null
        : StudyBudget.Read(text) is { Unit: BudgetUnit.Seconds } time && time.Amount <= MostHours * 3600 ? TimeSpan.FromSeconds(time.Amount)
        : throw new ArgumentException($"--max-time {text}: expected a time such as 90s, 9m or 1h, at most {MostHours}h; without it there is no end.");

    /// <summary>Reads all but the time.</summary>
    /// <exception cref="ArgumentException">Every reason why it cannot be run.</exception>
    public StudyRequest Read(ParseResult parsed)
    {
        string corpora = LocalCorpora.Folder(parsed.GetValue(Corpora));
        string[] sources = parsed.GetValue(Corpus) ?? [], budgets = parsed.GetValue(Budget) ?? [];
        int[] seeds = parsed.GetValue(Seeds) ?? [];
        string? tokens = parsed.GetValue(Tokens), prepared = sources is [var one] ? LocalCorpora.Find(one, corpora) : null;
        if (tokens is not null && sources.Length > 0)
        {
            throw new ArgumentException("--tokens and --corpus name the rows twice. Give one of them.");
        }

        if (tokens is null && (parsed.GetValue(RowOrder) ?? parsed.GetValue(Vocabulary)) is { } lonely)
        {
            throw new ArgumentException($"{lonely}: --row-order and --vocabulary go with --tokens, which is not given.");
        }

        if (Directory.Exists(parsed.GetRequiredValue(File)))
        {
            throw new ArgumentException($"{parsed.GetRequiredValue(File)}: is a folder. Name a study file, such as studies/mini-cram.json.");
        }

        var loaded = StudyLoader.Load(
            parsed.GetRequiredValue(File), budgets, seeds, tokens is not null || prepared is not null ? [] : sources.Length > 0 ? LocalCorpora.Paths(sources) : null);
        var study = loaded.Study ?? throw new ArgumentException(string.Join('\n', loaded.Problems));
        if (tokens is not null || prepared is not null)
        {
            CheckOneCorpus(study);
        }

        CheckGlue(study, parsed, tokens is not null, prepared is not null);
        return new(
            study, new(corpora, prepared, tokens, parsed.GetValue(RowOrder), parsed.GetValue(HeldOutRows), parsed.GetValue(Vocabulary), parsed.GetValue(Glue)),
            parsed.GetValue(Output), parsed.GetValue(ExportTokens), parsed.GetValue(PretrainOnly), Selection(study, parsed.GetValue(Only) ?? [], budgets, seeds), parsed.GetValue(Keep),
            LocalCorpora.Cache(parsed.GetValue(Cache), corpora), parsed.GetValue(Device), parsed.GetValue(Json));
    }

    /// <summary>Rows that were named serve all variants: what one of them asks for otherwise would be passed over in silence.</summary>
    private static void CheckOneCorpus(Study study)
    {
        string CorpusOf(StudyCell cell) => JsonSerializer.Serialize(Study.Anonymous(study.RecipeOf(cell, study.Variant(cell.Variant).Grid?.Values[0])).Corpus, RecipeJson.Options);
        string first = CorpusOf(study.Cells[0]);
        foreach (var cell in study.Cells)
        {
            if (RecipeDifferences.Of(first, CorpusOf(cell)) is { Count: > 0 } different)
            {
                throw new ArgumentException(
                    $"One corpus is named for all, but {cell.Name} asks for another than {study.Cells[0].Name}: {string.Join("; ", different.Select(line => $"corpus.{line}"))}. "
                    + "Set them alike in the study's \"set\", or give text with --corpus, of which each is made its own.");
            }
        }
    }

    /// <summary>With GLUE at hand its sentences are kept out of a corpus, which makes it another one: so either every call of a study has it, or none.</summary>
    private void CheckGlue(Study study, ParseResult parsed, bool tokens, bool prepared)
    {
        bool given = parsed.GetValue(Glue) is not null;
        if (study.Definition.Glue is null)
        {
            return;
        }

        if (tokens && given && parsed.GetValue(Vocabulary) is null && !parsed.GetValue(PretrainOnly))
        {
            throw new ArgumentException("GLUE needs the vocabulary of the token file. Give it with --vocabulary vocab.txt, one entry a line, or say --pretrain-only.");
        }

        if (!tokens && !prepared && !given && study.Cells.Any(cell => study.RecipeOf(cell, study.Variant(cell.Variant).Grid?.Values[0]).Corpus.Decontamination == DecontaminationMode.Remove))
        {
            throw new ArgumentException(
                "This study scores GLUE, so its sentences are kept out of the corpus while it is prepared: give its files with --glue DIR in every call (--pretrain-only runs no fine-tuning), "
                + "or name a corpus that is prepared already, or set corpus.decontamination=off in the study.");
        }
    }

    /// <summary>Which cells are meant; each thing that <c>--only</c> names must be one at least, also with <c>--budget</c> and <c>--seeds</c> beside it.</summary>
    private static Func<StudyCell, bool> Selection(Study study, string[] only, string[] budgets, int[] seeds)
    {
        var selections = only.Select(StudySelection.Parse).ToList();
        foreach (var (index, selection) in selections.Index())
        {
            var covered = study.Cells.Where(selection.Covers).ToList();
            if (!covered.Any(IsOfThese))
            {
                throw new ArgumentException(covered.Count == 0
                    ? $"--only {only[index]}: the study has no such cell. It has {string.Join(", ", study.Cells.Select(cell => cell.Name))}."
                    : $"--only {only[index]}: of {string.Join(", ", covered.Select(cell => cell.Name))} none is left by --budget and --seeds. What they add to a study are no ablations: those have \"budget\" and \"seeds\" under \"ablate\".");
            }
        }

        // Grids have a budget and a seed of their own.
        bool IsOfThese(StudyCell cell) => cell.Part == StudyPart.Grid ? budgets.Length + seeds.Length == 0 || selections.Count > 0
            : (budgets.Length == 0 || budgets.Contains(cell.Budget)) && (seeds.Length == 0 || seeds.Contains(cell.Seed));
        return cell => (selections.Count == 0 || selections.Any(selection => selection.Covers(cell))) && IsOfThese(cell);
    }
}
