using System.Globalization;
using System.Text;
using CramGrains.Model.Data;

namespace CramGrains.Silo.Data;

/// <summary>Corpora as text for people.</summary>
internal static class CorpusText
{
    public static string Describe(CorpusContamination contamination) =>
        $"GLUE: {contamination.Documents:N0} documents hold one of {contamination.Sentences:N0} sentences and were {(contamination.Removed ? "left out" : "kept")} ("
        + string.Join(", ", contamination.ByTask.Select(task => $"{task.Key} {task.Value:N0}")) + $"); {contamination.ShortSentences:N0} sentences are too short to search for";

    public static string Describe(CorpusManifest manifest, CorpusStatistics statistics)
    {
        var recipe = manifest.Recipe;
        var kept = manifest.KeptDocuments + manifest.HeldOutDocuments;
        var text = new StringBuilder($"""
            digest            {manifest.Digest}
            documents         {manifest.Documents:N0} read, {kept:N0} kept ({(double)kept / Math.Max(1, manifest.Documents):P2}), of these {manifest.HeldOutDocuments:N0} held out
            tokens            {manifest.TrainingTokens:N0} to train on, {manifest.HeldOutTokens:N0} held out, {manifest.DroppedTokens:N0} in no row, {manifest.UnknownTokens:N0} unknown
            rows              {manifest.TrainingRows():N0} of {recipe.SequenceLength}, {recipe.Ordering}, {recipe.Packing}
            vocabulary        {manifest.VocabularySize:N0}, {recipe.Normalizer} normalizer, {statistics.UnusedEntries:N0} entries unused
            tokens/character  {statistics.TokensPerCharacter:N4}
            document tokens   {string.Join(", ", (manifest.DocumentTokenPercentiles ?? new Dictionary<int, int>()).Select(pair => $"p{pair.Key} {pair.Value:N0}"))}
            top tokens        {string.Join(" ", statistics.TopTokens.Take(20).Select(token => $"{token.Token}:{token.Count:N0}"))}
            """);
        if (statistics.KeptFractions.Count > 0)
        {
            text.Append("\nkept by filter    ").AppendJoin(", ", statistics.KeptFractions.Select(filter => $"{filter.Key} {filter.Value.ToString("P2", CultureInfo.InvariantCulture)}"));
        }

        if (manifest.Repetitions is { CutStretches: > 0 } cut)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nrepeated text     {cut.CutBytes:N0} bytes in {cut.CutStretches:N0} stretches of {cut.CutDocuments:N0} documents cut");
        }

        if (manifest.CompressibilityHistogram is { } histogram)
        {
            AppendHistogram(text, histogram, recipe.TrashCutoff);
        }

        return manifest.Contamination is { } contamination ? text.Append('\n').Append(Describe(contamination)).ToString() : text.ToString();
    }

    private static void AppendHistogram(StringBuilder text, IReadOnlyList<long> histogram, double? cutoff)
    {
        const int Width = 40;
        text.Append("\ndocuments by tokens per character").Append(cutoff is { } limit ? FormattableString.Invariant($" (left out from {limit})") : "");
        var most = Math.Max(1, histogram.Max());
        foreach (var (step, count) in histogram.Index().Where(pair => pair.Item > 0))
        {
            var from = (double)step / histogram.Count;
            text.Append(CultureInfo.InvariantCulture, $"\n  {from:0.00}-{from + (1.0 / histogram.Count):0.00} {count,12:N0} {new string('#', (int)Math.Ceiling((double)count * Width / most))}");
        }
    }
}
