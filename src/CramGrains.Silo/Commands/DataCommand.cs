using System.CommandLine;
using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data</c>: makes corpora and looks into them, without a cluster.</summary>
internal static class DataCommand
{
    private const int Done = 0, Failed = 1, Usage = 2;

    private static readonly Argument<string> Corpus = new("CORPUS") { Description = "Digest of a corpus or the start of one, or a corpus folder." };
    private static readonly Option<string> Corpora = new("--corpora")
    {
        Description = "Folder of corpora; 'corpora' in CRAM_HOME, or in ~/.cramgrains, unless given.",
        DefaultValueFactory = _ => DefaultCorpora(),
    };

    private static readonly Option<bool> Json = new("--json") { Description = "Print one JSON object on standard output." };

    /// <summary>Runs one command line, without the leading <c>data</c>.</summary>
    public static int Run(string[] arguments)
    {
        var root = new Command("data", "Makes corpora and looks into them. Example: cram data prepare recipes/quickstart.json --glue ~/glue")
        {
            Prepare(), List(), Show(), Sample(), Verify(), Remove(), Export(), Encode(), Bench(), DataGlueCommand.Create(DefaultCorpora()),
        };
        var parsed = CommandLineRun.Parse(root, arguments);
        if (CommandLineRun.IsRefused(parsed))
        {
            return Usage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception problem) when (problem is CorpusException or ArgumentException)
        {
            Console.Error.WriteLine(problem.Message);
            return Usage;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(problem.Message);
            return Failed;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Stopped. Preparing again goes on from what is done.");
            return Failed;
        }
    }

    private static Command Prepare()
    {
        var recipe = new Argument<string>("RECIPE") { Description = "Recipe whose corpus is made, such as recipes/quickstart.json." };
        var glue = new Option<string?>("--glue") { Description = "Official GLUE files; documents that hold their sentences are left out unless corpus.decontamination says otherwise." };
        var texts = new Option<string[]>("--corpus") { Description = "File, folder, pattern or HTTP(S) address that replaces the recipe's sources; its ending tells its kind; may be repeated." };
        var overrides = new Option<string[]>("--set") { Description = "A setting of the recipe, such as corpus.vocabulary_size=8192; may be repeated." };
        var threads = new Option<int>("--threads") { Description = "Threads that count words and encode.", DefaultValueFactory = _ => Environment.ProcessorCount }.AtLeastOne();
        var command = new Command("prepare", "Makes the corpus of a recipe, once; a second call finds it. Example: cram data prepare recipes/crammed-bert-24h.json --glue ~/glue --json")
        {
            recipe, texts, overrides, glue, threads, Corpora, Json,
        };
        command.SetAction(parsed =>
        {
            var complete = LocalRecipes.Load(parsed.GetRequiredValue(recipe), parsed.GetValue(overrides), parsed.GetValue(texts));
            var options = new CorpusOptions
            {
                GlueFolder = parsed.GetValue(glue), Threads = parsed.GetValue(threads), Downloads = DownloadSettings.FromEnvironment(),
            };
            DataPreparation.Run(complete.Corpus, parsed.GetRequiredValue(Corpora), options, parsed.GetValue(Json));
            return Done;
        });
        return command;
    }

    private static Command List()
    {
        var command = new Command("ls", "Lists the corpora of this machine.") { Corpora, Json };
        command.SetAction(parsed =>
        {
            string folder = parsed.GetRequiredValue(Corpora);
            var manifests = CorpusListing.Of(folder, mustExist: parsed.GetResult(Corpora) is { Implicit: false });
            if (parsed.GetValue(Json))
            {
                Console.WriteLine(JsonSerializer.Serialize(manifests, RecipeJson.Options));
                return Done;
            }

            if (manifests.Count == 0)
            {
                Console.Error.WriteLine($"There is no corpus in {folder}.");
            }

            foreach (var manifest in manifests)
            {
                Console.WriteLine(
                    $"{manifest.Digest[..12]}  {manifest.TrainingTokens,14:N0} tokens  {manifest.KeptDocuments,10:N0} documents  vocabulary {manifest.VocabularySize,6}  "
                    + $"rows of {manifest.Recipe.SequenceLength,4}  {manifest.Files.Sum(file => file.Bytes) / 1e6,9:N1} MB");
            }

            return Done;
        });
        return command;
    }

    private static Command Show()
    {
        var chart = new Option<string?>("--chart") { Description = "Writes the chart of token frequencies to this SVG file." };
        var command = new Command("show", "What a corpus holds. Example: cram data show 3f2a --chart corpus.svg") { Corpus, Corpora, chart, Json };
        command.SetAction(parsed =>
        {
            using var corpus = Open(parsed, verify: false);
            var statistics = CorpusStatistics.Of(corpus);
            if (parsed.GetValue(chart) is { } file)
            {
                File.WriteAllText(file, CorpusChart.Svg(corpus.Manifest, statistics));
            }

            Console.WriteLine(parsed.GetValue(Json)
                ? JsonSerializer.Serialize(new { corpus.Manifest, Statistics = statistics }, RecipeJson.Options)
                : CorpusText.Describe(corpus.Manifest, statistics));
            return Done;
        });
        return command;
    }

    private static Command Sample()
    {
        var rows = new Option<int>("--rows") { Description = "Rows to print.", DefaultValueFactory = _ => 5 }.AtLeastOne();
        var command = new Command("sample", "Prints rows of a corpus as pieces, evenly spread.") { Corpus, Corpora, rows };
        command.SetAction(parsed =>
        {
            using var corpus = Open(parsed, verify: false);
            var row = new int[corpus.Training.SequenceLength];
            var count = Math.Min(parsed.GetValue(rows), corpus.Training.Count);
            for (var i = 0L; i < count; i++)
            {
                var place = i * corpus.Training.Count / count;
                corpus.Training.CopyRow(place, row);
                Console.WriteLine($"row {place}: {string.Join(' ', row.Select(id => corpus.Vocabulary[id]))}");
            }

            return Done;
        });
        return command;
    }

    private static Command Verify()
    {
        var command = new Command("verify", "Reads every file of a corpus and compares its checksum.") { Corpus, Corpora };
        command.SetAction(parsed =>
        {
            try
            {
                using var corpus = Open(parsed, verify: true);
                Console.WriteLine($"{corpus.Folder}: {corpus.Manifest.Files.Count} files, {corpus.Manifest.Files.Sum(file => file.Bytes):N0} bytes, all as written.");
                return Done;
            }
            catch (CorpusException problem)
            {
                Console.Error.WriteLine(problem.Message);
                return Failed;
            }
        });
        return command;
    }

    private static Command Remove()
    {
        var command = new Command("rm", "Deletes a corpus.") { Corpus, Corpora };
        command.SetAction(parsed =>
        {
            var folder = Find(parsed);
            RequireCorpus(folder);
            Directory.Delete(folder, recursive: true);
            Console.WriteLine($"{folder}: deleted.");
            return Done;
        });
        return command;
    }

    private static Command Export()
    {
        var output = new Argument<string>("FOLDER") { Description = "Receives tokenizer.json, vocab.txt and the two small files beside them." };
        var command = new Command("export", "Writes the tokenizer of a corpus as Hugging Face's libraries load it. Example: cram data export 3f2a tokenizer/") { Corpus, output, Corpora };
        command.SetAction(parsed =>
        {
            using var corpus = Open(parsed, verify: false);
            corpus.ExportTokenizer(parsed.GetRequiredValue(output));
            return Done;
        });
        return command;
    }

    private static Command Encode()
    {
        var text = new Argument<string>("TEXT") { Description = "UTF-8 text; each line is encoded by itself." };
        var output = new Argument<string>("IDS") { Description = "Receives the ids as 16-bit little-endian numbers, 65535 after each line." };
        var command = new Command("encode", "Encodes a text with the tokenizer of a corpus, for comparison with other tokenizers.") { Corpus, text, output, Corpora };
        command.SetAction(parsed =>
        {
            using var corpus = Open(parsed, verify: false);
            var rate = DataEncoding.Run(corpus, parsed.GetRequiredValue(text), parsed.GetRequiredValue(output));
            Console.WriteLine($"{rate.Tokens:N0} tokens in {rate.Seconds:N1} s of encoding, {(rate.Seconds > 0 ? rate.Bytes / rate.Seconds / 1e6 : 0):N1} MB/s on one core");
            return Done;
        });
        return command;
    }

    private static Command Bench()
    {
        var text = new Argument<string>("TEXT") { Description = "UTF-8 text to encode; it is held in memory." };
        var runs = new Option<int>("--runs") { Description = "Runs whose median is taken.", DefaultValueFactory = _ => 3 }.AtLeastOne();
        var against = new Option<string?>("--against") { Description = "Script for Node that times another tokenizer in turn with ours, such as tests/goldens/scripts/tokenizer_speed.mjs." };
        var modules = new Option<string>("--modules") { Description = "Folder whose node_modules the script uses.", DefaultValueFactory = _ => "." };
        var command = new Command("bench", "Measures encoder and loader on one core. Example: cram data bench 3f2a text.txt --json") { Corpus, text, runs, against, modules, Corpora, Json };
        command.SetAction(parsed =>
        {
            using var corpus = Open(parsed, verify: false);
            var repeats = parsed.GetValue(runs);
            var rival = parsed.GetValue(against) is { } script ? new DataBenchmark.Rival(script, parsed.GetRequiredValue(modules)) : null;
            var encoder = DataBenchmark.Encoders(corpus.Folder, parsed.GetRequiredValue(text), repeats, rival);
            var loader = DataBenchmark.LoaderTokensPerSecond(corpus, repeats);
            Console.WriteLine(parsed.GetValue(Json)
                ? JsonSerializer.Serialize(
                    new { Encoder = encoder, LoaderTokensPerSecond = Math.Round(loader.Wall), LoaderTokensPerProcessorSecond = Math.Round(loader.Processor), Runs = repeats }, RecipeJson.Options)
                : $"encoder {encoder.MegabytesPerSecond:N1} MB/s ({encoder.MegabytesPerProcessorSecond:N1} per second of processor time), loader {loader.Wall:N0} tokens/s "
                    + $"({loader.Processor:N0}), each on one core, medians of {repeats} runs"
                    + (encoder.Ratio is { } ratio ? $"\nthe other tokenizer {encoder.RivalMegabytesPerSecond:N1} MB/s ({encoder.RivalMegabytesPerProcessorSecond:N1}); ours is {ratio:N1} times as fast by processor time" : ""));
            return Done;
        });
        return command;
    }

    /// <summary>Refuses to take a folder for a corpus because it holds a manifest.json: web sites and checkpoints hold one too. A damaged corpus is known by its name.</summary>
    private static void RequireCorpus(string folder)
    {
        if (Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)) is { Length: 64 } name && name.All(char.IsAsciiHexDigit))
        {
            return;
        }

        try
        {
            CorpusManifest.Read(folder);
        }
        catch (CorpusException problem)
        {
            throw new CorpusException($"{folder}: is no corpus: its {CorpusManifest.FileName} is not that of one, and its name is no digest. Nothing was deleted; 'cram data ls' lists the corpora.", problem);
        }
    }

    private static Corpus Open(ParseResult parsed, bool verify) => Model.Data.Corpus.Open(Find(parsed), verify);

    private static string Find(ParseResult parsed)
    {
        var (name, corpora) = (parsed.GetRequiredValue(Corpus), parsed.GetRequiredValue(Corpora));
        if (File.Exists(Path.Combine(name, CorpusManifest.FileName)))
        {
            return Path.GetFullPath(name);
        }

        var found = Directory.Exists(corpora) && name.Length > 0 && name.All(char.IsAsciiHexDigit)
            ? Directory.EnumerateDirectories(corpora, name + "*").Where(path => File.Exists(Path.Combine(path, CorpusManifest.FileName))).ToList()
            : [];
        return found.Count == 1
            ? found[0]
            : throw new CorpusException($"'{name}' names {found.Count} corpora in '{corpora}', expected one. 'cram data ls' lists them; --corpora names another folder.");
    }

    private static string DefaultCorpora() => Path.Combine(
        Environment.GetEnvironmentVariable("CRAM_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cramgrains"), "corpora");
}
