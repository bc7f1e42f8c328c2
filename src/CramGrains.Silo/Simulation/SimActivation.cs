namespace CramGrains.Silo.Simulation;

/// <summary>One activation of a grain: one turn at a time, on one machine, in one life of its silo, with its state as it read it.</summary>
internal abstract class SimActivation(SimCluster cluster, SimMachine machine, string key)
{
    private readonly Queue<Func<Task>> _turns = new();
    private bool _busy;

    public SimMachine Machine { get; } = machine;

    public int Life { get; } = machine.Life;

    public string Key { get; } = key;

    /// <summary>A write has failed: it acts no more, and the next call makes another activation.</summary>
    public bool GaveWay { get; private set; }

    /// <summary>Whether it can still be reached here.</summary>
    public bool Lives => !GaveWay && Machine.Up && Machine.Life == Life;

    protected SimCluster Cluster { get; } = cluster;

    /// <summary>Reads the state and starts what goes on by itself.</summary>
    public abstract void Activate();

    /// <summary>Ends this activation; the next call makes another.</summary>
    protected void LetGo()
    {
        GaveWay = true;
        Cluster.Forget(this);
    }

    /// <summary>Runs a turn when those before it are done.</summary>
    public void Enqueue(Func<Task> turn)
    {
        _turns.Enqueue(turn);
        Pump();
    }

    /// <summary>Runs a turn again and again until it says that nothing is left to do.</summary>
    protected void Every(long milliseconds, Func<Task<bool>> turn)
    {
        bool queued = false;
        Machine.Do(Life, milliseconds, Tick);

        void Tick()
        {
            if (!Lives)
            {
                return;
            }

            if (!queued)
            {
                queued = true;
                Enqueue(async () =>
                {
                    try
                    {
                        if (!Lives || !await turn())
                        {
                            return;
                        }
                    }
                    catch (Exception problem) when (problem is not ViolationException)
                    {
                        Cluster.World.Say($"{Key}: a step failed: {problem.Message}");
                    }

                    queued = false;
                });
            }

            Machine.Do(Life, milliseconds, Tick);
        }
    }

    /// <summary>Writes the state; a failure makes this activation give way.</summary>
    protected async Task SaveAsync<T>(string key, T state, Func<long> version, Action<long> written) where T : notnull
    {
        try
        {
            written(await Cluster.Store.WriteAsync(Machine, key, state, version()));
        }
        catch
        {
            LetGo();
            throw;
        }
    }

    private async void Pump()
    {
        if (_busy)
        {
            return;
        }

        _busy = true;
        while (_turns.TryDequeue(out Func<Task>? turn))
        {
            await turn();
        }

        _busy = false;
    }
}
