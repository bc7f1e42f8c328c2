namespace CramGrains.Model.Data;

/// <summary>What was found of the GLUE tasks in a corpus; part of its manifest, and by it of every run's record.</summary>
/// <param name="Sentences">Distinct sentences that were searched for.</param>
/// <param name="ShortSentences">Sentences left out because ordinary text repeats them by chance (below <see cref="ContaminationIndex.MinimumCharacters"/> letters and digits).</param>
/// <param name="IndexSha256">Names the sentences, so that other GLUE files give another corpus.</param>
/// <param name="Removed">Whether the documents were left out of training and of the held-out part.</param>
/// <param name="Documents">Documents that hold at least one sentence.</param>
/// <param name="ByTask">The same by task, zeros included for tasks that were searched for; a document counts for each task it holds a sentence of.</param>
public sealed record CorpusContamination(
    int Sentences, int ShortSentences, string IndexSha256, bool Removed, long Documents, IReadOnlyDictionary<string, long> ByTask);

/// <summary>Counts contaminated documents while they pass.</summary>
internal sealed class ContaminationTally
{
    private readonly long[] _byTask = new long[32];

    public long Documents { get; private set; }

    public void Add(uint tasks)
    {
        if (tasks == 0)
        {
            return;
        }

        Documents++;
        for (var task = 0; task < _byTask.Length; task++)
        {
            _byTask[task] += (tasks >> task) & 1;
        }
    }

    /// <summary>All counts, for <see cref="Restore"/>.</summary>
    public long[] State() => [Documents, .. _byTask];

    public void Restore(long[] state)
    {
        Documents = state[0];
        state.AsSpan(1).CopyTo(_byTask);
    }

    public CorpusContamination Report(ContaminationIndex index, bool removed) => new(
        index.Sentences, index.ShortSentences, index.Sha256, removed, Documents,
        index.Tasks.ToDictionary(task => task.Id, task => _byTask[(int)task.Name], StringComparer.Ordinal));
}
