namespace CramGrains.Model.Data.Storage;

/// <summary>Writes rows whose number is known into shards of one size.</summary>
internal static class TokenShardWriter
{
    /// <summary>Writes the shards of one part.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="part">Which part; gives the files their names.</param>
    /// <param name="rows">Rows to write.</param>
    /// <param name="order">For each place the row that it gets, as many as there are rows.</param>
    /// <param name="tokenBytes">Bytes per token.</param>
    /// <param name="shardBytes">Bytes of tokens per shard; at least one row goes into each.</param>
    /// <param name="report">Told how many bytes of tokens were written, now and then.</param>
    /// <returns>What to put in the manifest.</returns>
    public static List<CorpusFile> Write(
        string folder, CorpusPart part, ITokenRows rows, IEnumerable<long> order, int tokenBytes, long shardBytes, Action<long> report)
    {
        var rowsPerShard = Math.Max(1, shardBytes / (rows.SequenceLength * tokenBytes));
        var files = new List<CorpusFile>();
        var row = new int[rows.SequenceLength];
        using var places = order.GetEnumerator();
        for (var first = 0L; first < rows.Count; first += rowsPerShard)
        {
            var header = new TokenShardHeader(tokenBytes, rows.SequenceLength, files.Count, Math.Min(rowsPerShard, rows.Count - first));
            var name = $"{(part == CorpusPart.Training ? "training" : "heldout")}-{files.Count:D5}.tokens";
            using var writer = new TokenFileWriter(Path.Combine(folder, name), header);
            while (writer.Rows < header.Rows && places.MoveNext())
            {
                rows.CopyRow(places.Current, row);
                writer.WriteRow(row);
                report(row.Length * tokenBytes);
            }

            files.Add(new CorpusFile(name, part, header.Rows, header.FileBytes, writer.Complete()));
        }

        return files;
    }
}
