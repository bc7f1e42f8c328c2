using System.Runtime.InteropServices;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Encodes all documents on several threads and packs them, in source order, into two files of rows.</summary>
internal sealed class EncodingStage(CorpusRecipe recipe, WordPieceEncoder encoder, CorpusOptions options)
{
    public const string TrainingSpool = "training.spool";
    public const string HeldOutSpool = "heldout.spool";

    private readonly long[] _tokenCounts = new long[encoder.VocabularySize];

    public int TokenBytes { get; } = encoder.VocabularySize <= 1 << 16 ? sizeof(ushort) : sizeof(int);

    /// <summary>How often each id occurs in the training rows.</summary>
    public IReadOnlyList<long> TokenCounts => _tokenCounts;

    public long TrainingRows { get; private set; }

    public long HeldOutRows { get; private set; }

    public long KeptDocuments { get; private set; }

    public long HeldOutDocuments { get; private set; }

    public long Characters { get; private set; }

    public long UnknownTokens { get; private set; }

    public long DroppedTokens { get; private set; }

    public void Run(string folder, DocumentStream documents, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter("encoding", documents.Bytes, progress, options.Time);
        using var training = new TokenFileWriter(Path.Combine(folder, TrainingSpool), TokenBytes, header: null);
        using var heldOut = new TokenFileWriter(Path.Combine(folder, HeldOutSpool), TokenBytes, header: null);
        var trainingPacker = new RowPacker(recipe.Packing, recipe.SequenceLength, row =>
        {
            training.WriteRow(row);
            foreach (var id in row)
            {
                _tokenCounts[id]++;
            }
        });
        var heldOutPacker = new RowPacker(recipe.Packing, recipe.SequenceLength, heldOut.WriteRow);
        foreach (var batch in OrderedParallel.Select(documents.Read(meter.Add), Encode, options.Threads, cancellationToken))
        {
            Pack(batch, trainingPacker, heldOutPacker);
        }

        trainingPacker.Complete();
        heldOutPacker.Complete();
        training.Complete();
        heldOut.Complete();
        (TrainingRows, HeldOutRows) = (training.Rows, heldOut.Rows);
        DroppedTokens = trainingPacker.DroppedTokens + heldOutPacker.DroppedTokens;
        meter.Complete();
    }

    private void Pack(EncodedBatch batch, RowPacker training, RowPacker heldOut)
    {
        var start = 0;
        for (var i = 0; i < batch.Source.Documents.Count; i++)
        {
            var ids = CollectionsMarshal.AsSpan(batch.Ids)[start..batch.Ends[i]];
            start = batch.Ends[i];
            var document = batch.Source.Documents[i];
            if (ids.IsEmpty || IsTrash(document.Text, ids.Length))
            {
                continue;
            }

            Characters += document.Text.Length;
            UnknownTokens += ids.Count(SpecialTokens.Unknown);
            if (document.IsHeldOut)
            {
                HeldOutDocuments++;
                heldOut.Add(ids);
                continue;
            }

            KeptDocuments++;
            for (var copy = 0; copy < document.Copies; copy++)
            {
                training.Add(ids);
            }
        }
    }

    // As the reference with remove_trash=self, whose tokenizer adds the separator, and whose characters are code points.
    private bool IsTrash(string text, int tokens) =>
        recipe.TrashCutoff is { } cutoff && tokens + 1 >= cutoff * CodePoints.Count(text);

    private EncodedBatch Encode(DocumentBatch batch)
    {
        var session = encoder.Rent();
        var ids = new List<int>();
        var ends = new int[batch.Documents.Count];
        for (var i = 0; i < ends.Length; i++)
        {
            session.Encode(batch.Documents[i].Text, ids);
            ends[i] = ids.Count;
        }

        encoder.Return(session);
        return new EncodedBatch(batch, ids, ends);
    }

    private sealed record EncodedBatch(DocumentBatch Source, List<int> Ids, int[] Ends);
}
