using CramGrains.Interfaces.Scheduling;

namespace CramGrains.Silo.Scheduling;

/// <summary>Which runs a page lists, by what the scheduler knows of all of them: their ids, when they were submitted, and whether they have ended.</summary>
internal static class RunIndex
{
    /// <param name="active">Runs that have not ended.</param>
    /// <param name="ended">Runs that have; one that is just moving from the one to the other may be in both.</param>
    /// <param name="query">What is asked for.</param>
    /// <returns>Ids, newest first, and the last of them where others follow; or why there are none.</returns>
    public static (IReadOnlyList<string> Ids, string? Next, string? Problem) Page(
        IReadOnlyDictionary<string, DateTimeOffset> active, EndedHistory ended, RunQuery query)
    {
        DateTimeOffset? afterTime = null;
        if (query.After is { } after)
        {
            afterTime = active.TryGetValue(after, out DateTimeOffset at) ? at : ended.SubmittedAt(after);
            if (afterTime is null)
            {
                return ([], null, $"there is no run '{after}' to list from. Give the last run of the page before.");
            }
        }

        int limit = Math.Clamp(query.Limit, 0, RunQuery.LargestLimit);
        IEnumerable<(string Id, DateTimeOffset At)> all = active.Select(r => (r.Key, r.Value));
        if (!query.UnfinishedOnly)
        {
            all = all.Concat(ended.Runs.Where(r => !active.ContainsKey(r.RunId)).Select(r => (r.RunId, r.SubmittedAt)));
        }

        // Sorted only as far as the page reaches.
        List<string> ids = [.. all
            .Where(r => query.IdPrefix is null || r.Id.StartsWith(query.IdPrefix, StringComparison.Ordinal))
            .Where(r => afterTime is null || r.At < afterTime || (r.At == afterTime && string.CompareOrdinal(r.Id, query.After) < 0))
            .OrderByDescending(r => r.At).ThenByDescending(r => r.Id, StringComparer.Ordinal)
            .Take(limit + 1).Select(r => r.Id)];
        bool more = ids.Count > limit;
        ids.RemoveRange(Math.Min(limit, ids.Count), Math.Max(0, ids.Count - limit));
        return (ids, more && ids.Count > 0 ? ids[^1] : null, null);
    }
}
