using System.Diagnostics;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data bench</c>: what one core encodes and what one core feeds to training, medians of several runs.</summary>
internal static class DataBenchmark
{
    private const int MicrobatchRows = 128;
    private const double MaskFraction = 0.25;

    /// <summary>Megabytes of UTF-8 text encoded per second on one thread; the text is in memory, the encoder new in each run.</summary>
    public static double EncoderMegabytesPerSecond(string corpusFolder, string textFile, int runs)
    {
        var documents = File.ReadAllText(textFile).Split("\n\n");
        var bytes = new FileInfo(textFile).Length;
        return Median(runs, () =>
        {
            using var corpus = Corpus.Open(corpusFolder, verify: false);
            var started = Stopwatch.GetTimestamp();
            foreach (var document in documents)
            {
                corpus.Encoder.Encode(document);
            }

            return bytes / 1e6 / Stopwatch.GetElapsedTime(started).TotalSeconds;
        });
    }

    /// <summary>Tokens of masked microbatches per second from one thread, second epoch included where the corpus is small.</summary>
    public static double LoaderTokensPerSecond(Corpus corpus, int runs)
    {
        var rows = (int)Math.Min(MicrobatchRows, corpus.Training.Count);
        var loader = new MicrobatchLoader(corpus.Training, corpus.Encoder.VocabularySize, rows, seed: 0, MaskingKind.EightyTenTen);
        var microbatch = loader.CreateMicrobatch(MaskFraction);
        return Median(runs, () =>
        {
            const int Microbatches = 500;
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < Microbatches; i++)
            {
                loader.Fill(microbatch, MaskFraction);
            }

            return (double)Microbatches * microbatch.Ids.Length / Stopwatch.GetElapsedTime(started).TotalSeconds;
        });
    }

    private static double Median(int runs, Func<double> measure)
    {
        var values = Enumerable.Range(0, runs).Select(_ => measure()).Order().ToList();
        return values[values.Count / 2];
    }
}
