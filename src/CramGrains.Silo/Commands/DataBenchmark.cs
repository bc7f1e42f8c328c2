using System.Diagnostics;
using System.Text.Json;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data bench</c>: what one core encodes and what one core feeds to training, medians of several runs.</summary>
/// <remarks>Rates are given by the clock on the wall and by processor time; the latter tells what a core does where other work shares the machine.</remarks>
internal static class DataBenchmark
{
    private const int MicrobatchRows = 128;
    private const double MaskFraction = 0.25;

    /// <summary>Rates of the encoder, and of another one in turn with it: run, run, run, each beside its rival.</summary>
    public static EncoderRates Encoders(string corpusFolder, string textFile, int runs, Rival? rival)
    {
        var documents = File.ReadAllText(textFile).Split("\n\n");
        var megabytes = new FileInfo(textFile).Length / 1e6;
        using var tokenizer = new RivalTokenizer(corpusFolder, rival);
        Encode(corpusFolder, documents); // Compiled and warm, as after the first megabytes of any corpus.
        var (ours, theirs) = (new List<(double Wall, double Processor)>(), new List<(double Wall, double Processor)>());
        var (ourTokens, theirTokens) = (0L, 0L);
        for (var run = 0; run < runs; run++)
        {
            var (tokens, wall, processor) = Encode(corpusFolder, documents);
            ours.Add((megabytes / wall, megabytes / processor));
            ourTokens = tokens;
            if (rival is not null)
            {
                (theirTokens, wall, processor) = tokenizer.Run(textFile);
                theirs.Add((megabytes / wall, megabytes / processor));
            }
        }

        return new EncoderRates(
            Median(ours.Select(run => run.Wall)), Median(ours.Select(run => run.Processor)),
            rival is null ? null : Median(theirs.Select(run => run.Wall)), rival is null ? null : Median(theirs.Select(run => run.Processor)),
            rival is null ? null : Median(ours.Zip(theirs, (our, their) => our.Processor / their.Processor)), ourTokens, rival is null ? null : theirTokens);
    }

    /// <summary>Tokens of masked microbatches per second from one thread, second epoch included where the corpus is small.</summary>
    public static (double Wall, double Processor) LoaderTokensPerSecond(Corpus corpus, int runs)
    {
        const int Microbatches = 500;
        var rows = (int)Math.Min(MicrobatchRows, corpus.Training.Count);
        var loader = new MicrobatchLoader(corpus.Training, corpus.Encoder.VocabularySize, rows, seed: 0, MaskingKind.EightyTenTen, corpus.Manifest.Recipe.MasksTextOnly);
        var microbatch = loader.CreateMicrobatch(MaskFraction);
        var tokens = (double)Microbatches * microbatch.Ids.Length;
        var rates = Enumerable.Range(0, runs).Select(_ =>
        {
            var (started, before) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
            for (var i = 0; i < Microbatches; i++)
            {
                loader.Fill(microbatch, MaskFraction);
            }

            return (Wall: tokens / Stopwatch.GetElapsedTime(started).TotalSeconds, Processor: tokens / (Environment.CpuUsage.TotalTime - before).TotalSeconds);
        }).ToList();
        return (Median(rates.Select(rate => rate.Wall)), Median(rates.Select(rate => rate.Processor)));
    }

    private static (long Tokens, double WallSeconds, double ProcessorSeconds) Encode(string corpusFolder, string[] documents)
    {
        using var corpus = Corpus.Open(corpusFolder, verify: false);
        var (tokens, started, before) = (0L, Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        foreach (var document in documents)
        {
            tokens += corpus.Encoder.Encode(document).Count;
        }

        return (tokens, Stopwatch.GetElapsedTime(started).TotalSeconds, (Environment.CpuUsage.TotalTime - before).TotalSeconds);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }

    /// <summary>Medians; megabytes are of UTF-8 text.</summary>
    /// <param name="MegabytesPerSecond">By the clock on the wall.</param>
    /// <param name="MegabytesPerProcessorSecond">By processor time, the garbage collector's included.</param>
    /// <param name="RivalMegabytesPerSecond">The same of the rival.</param>
    /// <param name="RivalMegabytesPerProcessorSecond">The same of the rival.</param>
    /// <param name="Ratio">By processor time, run by run.</param>
    /// <param name="Tokens">Tokens that the text gave.</param>
    /// <param name="RivalTokens">The same of the rival.</param>
    internal sealed record EncoderRates(
        double MegabytesPerSecond, double MegabytesPerProcessorSecond, double? RivalMegabytesPerSecond, double? RivalMegabytesPerProcessorSecond, double? Ratio, long Tokens, long? RivalTokens);

    /// <summary>A script for Node that times another tokenizer, and where its modules lie.</summary>
    internal sealed record Rival(string Script, string Modules);

    /// <summary>Runs the rival with the vocabulary of the corpus.</summary>
    private sealed class RivalTokenizer : IDisposable
    {
        private readonly Rival? _rival;
        private readonly string _folder = Directory.CreateTempSubdirectory("cram-bench-").FullName;

        public RivalTokenizer(string corpusFolder, Rival? rival)
        {
            _rival = rival;
            using var corpus = Corpus.Open(corpusFolder, verify: false);
            corpus.ExportTokenizer(_folder);
        }

        public (long Tokens, double WallSeconds, double ProcessorSeconds) Run(string textFile)
        {
            var start = new ProcessStartInfo("node", [_rival!.Script, Path.Combine(_folder, "tokenizer.json"), textFile, _rival.Modules]) { RedirectStandardOutput = true };
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new CorpusException($"{_rival.Script}: ended with {process.ExitCode}. Is @anush008/tokenizers installed under '{_rival.Modules}'?");
            }

            using var times = JsonDocument.Parse(output);
            return (times.RootElement.GetProperty("tokens").GetInt64(), times.RootElement.GetProperty("wall_seconds").GetDouble(), times.RootElement.GetProperty("cpu_seconds").GetDouble());
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
