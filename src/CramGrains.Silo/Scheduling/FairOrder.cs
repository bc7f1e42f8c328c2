using System.Runtime.InteropServices;

namespace CramGrains.Silo.Scheduling;

/// <summary>The order of the queue: priority first; within a priority the user who has used least; then age.</summary>
/// <remarks>
/// Each item that is dealt is added to what its user has used, so that two users with as much behind them take turns by device-hours, not by runs.
/// Usage counts in whole device-hours: below one, the older run goes first.
/// </remarks>
internal static class FairOrder
{
    /// <summary>What an item of unknown length counts as.</summary>
    public const double UnknownSeconds = 3600;

    /// <param name="waiting">Items in any order.</param>
    /// <param name="usedHours">Device-hours by user, decayed; who is not in it has used none.</param>
    public static List<WorkItem> Of(IReadOnlyList<WorkItem> waiting, IReadOnlyDictionary<string, double> usedHours)
    {
        // After one sort the items of a user in a priority lie together, oldest first.
        Entry[] entries = Number(waiting);
        Array.Sort(entries, Entry.ByPriorityUserAge);
        var order = new List<WorkItem>(waiting.Count);
        for (int from = 0, to; from < entries.Length; from = to)
        {
            to = from + 1;
            while (to < entries.Length && entries[to].Priority == entries[from].Priority)
            {
                to++;
            }

            Deal(entries, from, to, usedHours, order);
        }

        return order;
    }

    private static Entry[] Number(IReadOnlyList<WorkItem> waiting)
    {
        var users = new Dictionary<string, int>(StringComparer.Ordinal);
        var entries = new Entry[waiting.Count];
        for (int i = 0; i < entries.Length; i++)
        {
            WorkItem item = waiting[i];
            ref int user = ref CollectionsMarshal.GetValueRefOrAddDefault(users, item.Policy?.User ?? "", out bool known);
            user = known ? user : users.Count;
            entries[i] = new Entry(item.Priority, user, item.OrderedAt.UtcTicks, item);
        }

        return entries;
    }

    /// <summary>Lets the users of one priority take turns.</summary>
    private static void Deal(Entry[] entries, int from, int to, IReadOnlyDictionary<string, double> usedHours, List<WorkItem> order)
    {
        var turns = new PriorityQueue<UserQueue, Turn>(Turn.Earlier);
        for (int first = from, end; first < to; first = end)
        {
            end = first + 1;
            while (end < to && entries[end].User == entries[first].User)
            {
                end++;
            }

            var user = new UserQueue(entries, first, end, usedHours.GetValueOrDefault(entries[first].Item.Policy?.User ?? ""));
            turns.Enqueue(user, user.Turn);
        }

        while (turns.TryPeek(out UserQueue? user, out _))
        {
            order.Add(user.Take());
            if (user.HasMore)
            {
                turns.DequeueEnqueue(user, user.Turn);
            }
            else
            {
                turns.Dequeue();
            }
        }
    }

    private readonly record struct Entry(int Priority, int User, long Ticks, WorkItem Item)
    {
        public static readonly Comparison<Entry> ByPriorityUserAge = static (a, b) =>
            a.Priority != b.Priority ? b.Priority.CompareTo(a.Priority)
            : a.User != b.User ? a.User.CompareTo(b.User)
            : a.Ticks != b.Ticks ? a.Ticks.CompareTo(b.Ticks)
            : string.CompareOrdinal(a.Item.ItemId, b.Item.ItemId);
    }

    private readonly record struct Turn(double Hours, long Ticks, string ItemId)
    {
        public static readonly IComparer<Turn> Earlier = Comparer<Turn>.Create(static (a, b) =>
            a.Hours != b.Hours ? a.Hours.CompareTo(b.Hours)
            : a.Ticks != b.Ticks ? a.Ticks.CompareTo(b.Ticks)
            : string.CompareOrdinal(a.ItemId, b.ItemId));
    }

    /// <summary>The items of one user in one priority, oldest first.</summary>
    private sealed class UserQueue(Entry[] entries, int next, int end, double hours)
    {
        public bool HasMore => next < end;

        public Turn Turn => new(Math.Floor(hours), entries[next].Ticks, entries[next].Item.ItemId);

        public WorkItem Take()
        {
            WorkItem item = entries[next++].Item;
            hours += (item.ExpectedSeconds > 0 ? item.ExpectedSeconds : UnknownSeconds) / 3600;
            return item;
        }
    }
}
