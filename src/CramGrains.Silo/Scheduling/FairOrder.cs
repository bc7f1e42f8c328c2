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

    private static readonly Comparison<WorkItem> ByAge = (a, b) =>
    {
        int byTime = a.OrderedAt.UtcTicks.CompareTo(b.OrderedAt.UtcTicks);
        return byTime != 0 ? byTime : string.CompareOrdinal(a.ItemId, b.ItemId);
    };

    /// <param name="waiting">Items in any order.</param>
    /// <param name="usedHours">Device-hours by user, decayed; who is not in it has used none.</param>
    public static List<WorkItem> Of(IReadOnlyList<WorkItem> waiting, IReadOnlyDictionary<string, double> usedHours)
    {
        var order = new List<WorkItem>(waiting.Count);
        foreach (IGrouping<int, WorkItem> priority in waiting.GroupBy(i => i.Priority).OrderByDescending(g => g.Key))
        {
            List<UserQueue> users = [.. priority.GroupBy(i => i.Policy?.User ?? "", StringComparer.Ordinal).Select(g => new UserQueue(g, usedHours.GetValueOrDefault(g.Key)))];
            if (users.Count == 1)
            {
                order.AddRange(users[0].Items);
                continue;
            }

            var turns = new PriorityQueue<UserQueue, (double Hours, long Ticks, string ItemId)>(users.Count, TurnComparer.Instance);
            users.ForEach(u => turns.Enqueue(u, u.Turn));
            while (turns.TryDequeue(out UserQueue? user, out _))
            {
                WorkItem item = user.Take();
                order.Add(item);
                if (user.HasMore)
                {
                    turns.Enqueue(user, user.Turn);
                }
            }
        }

        return order;
    }

    private sealed class UserQueue
    {
        private int _next;
        private double _hours;

        public UserQueue(IEnumerable<WorkItem> items, double usedHours)
        {
            Items = [.. items];
            Items.Sort(ByAge);
            _hours = usedHours;
        }

        public List<WorkItem> Items { get; }

        public bool HasMore => _next < Items.Count;

        public (double Hours, long Ticks, string ItemId) Turn => (Math.Floor(_hours), Items[_next].OrderedAt.UtcTicks, Items[_next].ItemId);

        public WorkItem Take()
        {
            WorkItem item = Items[_next++];
            _hours += (item.ExpectedSeconds > 0 ? item.ExpectedSeconds : UnknownSeconds) / 3600;
            return item;
        }
    }

    private sealed class TurnComparer : IComparer<(double Hours, long Ticks, string ItemId)>
    {
        public static TurnComparer Instance { get; } = new();

        public int Compare((double Hours, long Ticks, string ItemId) x, (double Hours, long Ticks, string ItemId) y)
        {
            int byHours = x.Hours.CompareTo(y.Hours), byAge = x.Ticks.CompareTo(y.Ticks);
            return byHours != 0 ? byHours : byAge != 0 ? byAge : string.CompareOrdinal(x.ItemId, y.ItemId);
        }
    }
}
