using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Runs;

/// <summary>What a run remembers of its past. It is read and written with every step, and a run may be requeued for weeks: the first and the last is kept, all of it is in the log.</summary>
internal sealed partial class RunLife
{
    private const int HistoryKept = 200;

    private void Remember(RunState entered, string message)
    {
        state.History.Add(new RunHistoryEntry(clock.UtcNow, entered, message));
        Shorten(state.History, HistoryKept);
    }

    private bool TakeNotices(WorkerStatus status)
    {
        List<string> unseen = [.. status.Notices.Skip(state.Pretraining.NoticesSeen)];
        state.Pretraining.NoticesSeen = status.Notices.Count;
        unseen.ForEach(Notice);
        return unseen.Count > 0;
    }

    private void AddNotices(IEnumerable<string> notices)
    {
        foreach (string notice in notices.Where(n => !state.Notices.Contains(n)))
        {
            Notice(notice);
        }
    }

    private void Notice(string notice)
    {
        state.Notices.Add(notice);
        world.Note($"notice: {notice}");
        state.NoticesLeftOut += Shorten(state.Notices, RunRecord.NoticesKept);
    }

    /// <summary>Takes what is too much out of the middle.</summary>
    private static int Shorten<T>(List<T> list, int kept)
    {
        int tooMany = list.Count - kept;
        if (tooMany <= 0)
        {
            return 0;
        }

        list.RemoveRange(kept / 2, tooMany);
        return tooMany;
    }
}
