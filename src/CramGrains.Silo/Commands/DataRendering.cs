using System.Text;
using CramGrains.Model.Data;

namespace CramGrains.Silo.Commands;

/// <summary>Corpora as text for people.</summary>
internal static class DataRendering
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
        return manifest.Contamination is { } contamination ? text.Append('\n').Append(Describe(contamination)).ToString() : text.ToString();
    }
}
