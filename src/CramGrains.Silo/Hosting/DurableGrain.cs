namespace CramGrains.Silo.Hosting;

/// <summary>A grain whose state is stored by compare-and-swap.</summary>
/// <remarks>
/// An activation whose write fails gives way: on a conflict a newer activation owns the state, and on any other error memory and storage no longer
/// agree. Either way it deactivates and the next call reads afresh. It never writes again with a fresh tag, which would undo the fence.
/// </remarks>
internal abstract class DurableGrain<TState>(IPersistentState<TState> storage) : Grain
{
    protected const string StorageName = "cram";

    protected TState State => storage.State;

    protected async Task SaveAsync()
    {
        RequireCurrent();
        try
        {
            await storage.WriteStateAsync();
        }
        catch
        {
            GiveWay();
            throw;
        }
    }

    /// <summary>What is stored now, in place of what is in memory.</summary>
    protected async Task ReadAgainAsync()
    {
        try
        {
            await storage.ReadStateAsync();
        }
        catch
        {
            GiveWay();
            throw;
        }
    }

    /// <summary>After a write that failed: the next call makes another activation, which reads what is stored.</summary>
    protected void GiveWay()
    {
        GaveWay = true;
        DeactivateOnIdle();
    }

    /// <summary>For calls that reach this activation though it has given way, in the moment before it is gone.</summary>
    /// <exception cref="OrleansException">It has given way: ask again, and another activation answers.</exception>
    protected void RequireCurrent()
    {
        if (GaveWay)
        {
            throw new OrleansException($"{this.GetGrainId()} is being deactivated: it could not write its state");
        }
    }

    /// <summary>True once a write has failed: what is in memory must no longer be acted upon.</summary>
    protected bool GaveWay { get; private set; }
}
