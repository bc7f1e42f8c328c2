using CramGrains.Silo.Scheduling;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>Which machines may do a piece of work, given where its data is.</summary>
internal interface IWorkPlacement
{
    /// <param name="item">As its owner asks for it: only where its data is.</param>
    /// <param name="deviceOn">A device of a machine; null when none is known.</param>
    WorkItem Widen(WorkItem item, Func<string, string?> deviceOn);
}

/// <summary>Data stays where it is, so work goes there.</summary>
internal sealed class WorkWhereDataIs : IWorkPlacement
{
    public WorkItem Widen(WorkItem item, Func<string, string?> deviceOn) => item;
}

/// <summary>Data follows the work: its machine is preferred, and any other will do. Only sources of corpora stay where they are.</summary>
internal sealed class DataFollowsWork : IWorkPlacement
{
    public WorkItem Widen(WorkItem item, Func<string, string?> deviceOn) => item.RequiredMachine is not { } machine || item.Job == WorkerJob.PrepareCorpus
        ? item
        : item with { RequiredMachine = null, PreferredDevice = item.PreferredDevice ?? deviceOn(machine) };
}
