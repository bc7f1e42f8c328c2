namespace CramGrains.Silo.Simulation;

/// <summary>Which lines are cut. One cut at a time: a set of machines that no longer reaches the others, the store, or both.</summary>
/// <remarks>
/// Machines that the others do not reach are voted dead after a while. Those that can still read the store learn of it and end; those that cannot go on
/// as they are, with all that they have in memory, until the line is there again.
/// </remarks>
internal sealed class SimNetwork(SimWorld world)
{
    private readonly HashSet<SimMachine> _aside = [];

    /// <summary>Between machines of the set and all others, clients included.</summary>
    public bool PeersAreCut { get; private set; }

    /// <summary>Between machines of the set and the store.</summary>
    public bool StoreIsCut { get; private set; }

    /// <summary>When the present cut began.</summary>
    public long Since { get; private set; }

    public bool IsCut => _aside.Count > 0;

    public void Cut(IEnumerable<SimMachine> machines, bool peers, bool store)
    {
        _aside.UnionWith(machines);
        (PeersAreCut, StoreIsCut, Since) = (peers, store, world.Now);
        world.Say($"{string.Join(" and ", _aside.Select(m => m.Name))} cut from {(peers && store ? "everything" : peers ? "the others" : "the store")}");
    }

    public void Heal()
    {
        world.Say($"{string.Join(" and ", _aside.Select(m => m.Name))} back in the net");
        _aside.Clear();
        (PeersAreCut, StoreIsCut) = (false, false);
    }

    /// <summary>Whether the machine is on the side that is given up; a null is a client, on the side of the others.</summary>
    public bool IsAside(SimMachine? machine) => PeersAreCut && machine is not null && _aside.Contains(machine);

    public bool Reaches(SimMachine? from, SimMachine? to) => IsAside(from) == IsAside(to);

    public bool ReachesStore(SimMachine machine) => !(StoreIsCut && _aside.Contains(machine));

    /// <summary>Whether a silo could start there and join.</summary>
    public bool CanJoin(SimMachine machine) => !_aside.Contains(machine);
}
