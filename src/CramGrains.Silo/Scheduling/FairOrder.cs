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
        var order = new List<WorkItem>(waiting.Count);
        foreach (IGrouping<int, UserQueue> equals in Queues(waiting, usedHours).GroupBy(queue => queue.Priority).OrderByDescending(group => group.Key))
        {
            Deal(equals, order);
        }

        return order;
    }

    /// <summary>The items by priority and user, each queue oldest first: many short sorts instead of a long one.</summary>
    private static Dictionary<(int Priority, string User), UserQueue>.ValueCollection Queues(IReadOnlyList<WorkItem> waiting, IReadOnlyDictionary<string, double> usedHours)
    {
        var byOwner = new Dictionary<(int Priority, string User), UserQueue>();
        foreach (WorkItem item in waiting)
        {
            string user = item.Policy?.User ?? "";
            ref UserQueue? queue = ref CollectionsMarshal.GetValueRefOrAddDefault(byOwner, (item.Priority, user), out _);
            queue ??= new UserQueue(item.Priority, usedHours.GetValueOrDefault(user));
            queue.Add(item);
        }

        foreach (UserQueue queue in byOwner.Values)
        {
            queue.Sort();
        }

        return byOwner.Values;
    }

    /// <summary>Lets the users of one priority take turns.</summary>
    private static void Deal(IEnumerable<UserQueue> queues, List<WorkItem> order)
    {
        var turns = new PriorityQueue<UserQueue, Turn>(queues.Select(queue => (queue, queue.Turn)), Turn.Earlier);
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

    private readonly record struct Turn(double Hours, long Ticks, string ItemId)
    {
        public static readonly IComparer<Turn> Earlier = Comparer<Turn>.Create(static (a, b) =>
            a.Hours != b.Hours ? a.Hours.CompareTo(b.Hours)
            : a.Ticks != b.Ticks ? a.Ticks.CompareTo(b.Ticks)
            : string.CompareOrdinal(a.ItemId, b.ItemId));
    }

    /// <summary>The items of one user in one priority, oldest first once they are sorted.</summary>
    private sealed class UserQueue(int priority, double hours)
    {
        private readonly List<WorkItem> _items = [];
        private double _hours = hours;
        private int _next;

        public int Priority { get; } = priority;

        public bool HasMore => _next < _items.Count;

        public Turn Turn => new(Math.Floor(_hours), _items[_next].OrderedAt.UtcTicks, _items[_next].ItemId);

        public void Add(WorkItem item) => _items.Add(item);

        public void Sort() => _items.Sort(static (a, b) =>
        {
            int byAge = a.OrderedAt.UtcTicks.CompareTo(b.OrderedAt.UtcTicks);
            return byAge != 0 ? byAge : string.CompareOrdinal(a.ItemId, b.ItemId);
        });

        public WorkItem Take()
        {
            WorkItem item = _items[_next++];
            _hours += (item.ExpectedSeconds > 0 ? item.ExpectedSeconds : UnknownSeconds) / 3600;
            return item;
        }
    }
}
