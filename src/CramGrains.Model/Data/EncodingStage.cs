using System.Runtime.InteropServices;
using CramGrains.Model.Data.Sources;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>Encodes all documents on several threads and packs them, in source order, into two files of rows. Goes on from where an interrupted preparation last noted that it stood.</summary>
internal sealed class EncodingStage(CorpusRecipe recipe, WordPieceEncoder encoder, ContaminationIndex? contamination, CorpusOptions options)
{
    public const string TrainingSpool = "training.spool";
    public const string HeldOutSpool = "heldout.spool";

    private readonly ContaminationTally _tally = new();
    private readonly RowPacker _trainingPacker = new(recipe.Packing, recipe.SequenceLength, recipe.PairFraction ?? 0);
    private readonly RowPacker _heldOutPacker = new(recipe.Packing, recipe.SequenceLength, recipe.PairFraction ?? 0);

    public int TokenBytes { get; } = encoder.VocabularySize <= 1 << 16 ? sizeof(ushort) : sizeof(int);

    /// <summary>What was counted.</summary>
    public EncodingCounts Counts { get; private set; } = new(encoder.VocabularySize);

    public CorpusContamination? Contamination => contamination is null ? null : _tally.Report(contamination, Removes);

    private bool Removes => recipe.Decontamination == DecontaminationMode.Remove;

    public void Run(string folder, DocumentStream documents, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter("encoding", documents.Bytes, progress, options.Time);
        var journal = new EncodingJournal(folder, encoder.VocabularySize);
        var start = Resume(folder, journal);
        Counts.Source = start.Counts;
        if (Counts.IsComplete)
        {
            meter.Complete();
            return;
        }

        using var training = new TokenFileWriter(Path.Combine(folder, TrainingSpool), TokenBytes, Counts.TrainingRows, recipe.SequenceLength);
        using var heldOut = new TokenFileWriter(Path.Combine(folder, HeldOutSpool), TokenBytes, Counts.HeldOutRows, recipe.SequenceLength);
        var sinceNote = 0L;
        foreach (var batch in OrderedParallel.Select(documents.Read(meter.Add, start), Encode, options.Threads, cancellationToken))
        {
            Pack(batch, training, heldOut);
            Counts.Source = batch.Source.End.Counts;
            sinceNote += batch.Source.Documents.Sum(document => (long)document.Text.Length);
            if (sinceNote >= options.JournalCharacters)
            {
                Note(journal, batch.Source.End, training, heldOut);
                sinceNote = 0;
            }
        }

        _trainingPacker.Complete();
        _heldOutPacker.Complete();
        Counts.IsComplete = true;
        Counts.DroppedTokens = _trainingPacker.DroppedTokens + _heldOutPacker.DroppedTokens;
        Note(journal, default, training, heldOut);
        meter.Complete();
    }

    private DocumentMark Resume(string folder, EncodingJournal journal)
    {
        if (journal.Read() is { } found
            && HasRows(TrainingSpool, found.Counts.TrainingRows) && HasRows(HeldOutSpool, found.Counts.HeldOutRows))
        {
            Counts = found.Counts;
            _tally.Restore(found.Tally);
            _trainingPacker.Restore(found.TrainingPacker);
            _heldOutPacker.Restore(found.HeldOutPacker);
            return found.Mark;
        }

        return default;

        bool HasRows(string name, long rows) =>
            new FileInfo(Path.Combine(folder, name)) is { Exists: true } file && file.Length >= rows * recipe.SequenceLength * TokenBytes;
    }

    private void Note(EncodingJournal journal, DocumentMark mark, TokenFileWriter training, TokenFileWriter heldOut)
    {
        // The rows must be on the disk before the note that counts them.
        training.Flush();
        heldOut.Flush();
        Counts.TrainingRows = training.Rows;
        Counts.HeldOutRows = heldOut.Rows;
        journal.Write(new EncodingNote(mark with { Counts = Counts.Source }, Counts, _tally.State(), _trainingPacker.State(), _heldOutPacker.State()));
    }

    private void Pack(EncodedBatch batch, TokenFileWriter training, TokenFileWriter heldOut)
    {
        var start = 0;
        for (var i = 0; i < batch.Source.Documents.Count; i++)
        {
            var ids = CollectionsMarshal.AsSpan(batch.Ids)[start..batch.Ends[i]];
            start = batch.Ends[i];
            _tally.Add(batch.Contaminated[i]);
            var document = batch.Source.Documents[i];
            if (!Passes(document, ids, batch.Contaminated[i] != 0 && Removes))
            {
                continue;
            }

            Counts.DocumentTokens.Add(ids.Length);
            Counts.Characters += document.Text.Length;
            Counts.TextTokens += ids.Length;
            Counts.UnknownTokens += ids.Count(SpecialTokens.Unknown);
            if (document.IsHeldOut)
            {
                Counts.HeldOutDocuments++;
                _heldOutPacker.Add(ids, heldOut.WriteRow);
                continue;
            }

            Counts.KeptDocuments++;
            for (var copy = 0; copy < document.Copies; copy++)
            {
                _trainingPacker.Add(ids, row =>
                {
                    training.WriteRow(row);
                    Counts.CountTokens(row);
                });
            }
        }
    }

    private bool Passes(SourceDocument document, ReadOnlySpan<int> ids, bool isContaminated)
    {
        if (isContaminated)
        {
            Counts.Contaminated++;
            return false;
        }

        if (ids.IsEmpty)
        {
            Counts.NoText++;
            return false;
        }

        // As the reference with remove_trash=self, whose tokenizer adds the separator, and whose characters are code points.
        var characters = CodePoints.Count(document.Text);
        Counts.CountCompressibility(ids.Length + 1, characters);
        if (recipe.TrashCutoff is { } cutoff && ids.Length + 1 >= cutoff * characters)
        {
            Counts.Trash++;
            return false;
        }

        return true;
    }

    private EncodedBatch Encode(DocumentBatch batch)
    {
        var session = encoder.Rent();
        var ids = new List<int>();
        var ends = new int[batch.Documents.Count];
        var contaminated = new uint[ends.Length];
        var folded = new ContaminationIndex.FoldedText();
        for (var i = 0; i < ends.Length; i++)
        {
            contaminated[i] = contamination?.Find(batch.Documents[i].Text, folded) ?? 0;
            if (contaminated[i] == 0 || !Removes)
            {
                session.Encode(batch.Documents[i].Text, ids);
            }

            ends[i] = ids.Count;
        }

        encoder.Return(session);
        return new EncodedBatch(batch, ids, ends, contaminated);
    }

    private sealed record EncodedBatch(DocumentBatch Source, List<int> Ids, int[] Ends, uint[] Contaminated);
}
