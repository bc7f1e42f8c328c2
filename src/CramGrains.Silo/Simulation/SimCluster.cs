using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Simulation;

/// <summary>The machines, the directory of activations, and a network that loses, delays, repeats and reorders, and is cut in two at times.</summary>
internal sealed class SimCluster
{
    private const long CallTimeout = 10_000;
    private readonly Dictionary<string, SimActivation> _directory = new(StringComparer.Ordinal);

    // Also those that the directory no longer knows: whoever is cut off with them still reaches them.
    private readonly Dictionary<(SimMachine, string), SimActivation> _onMachines = [];

    public SimCluster(SimWorld world, SimulationPlan plan)
    {
        (World, Plan) = (world, plan);
        Network = new SimNetwork(world);
        Store = new SimStore(world, Network, plan.Sabotage);
        Machines = [.. Enumerable.Range(0, plan.Machines).Select(m => new SimMachine(world, $"m{m}", [.. Enumerable.Range(0, 1 + world.Below(2)).Select(d => $"m{m}/cpu{d}")]))];
        Expendable = world.Below(3) == 0 ? Machines[^1] : null;
        Workers = new SimWorkers(world, plan.Sabotage, Machines);
    }

    public SimWorld World { get; }

    public SimulationPlan Plan { get; }

    /// <summary>The time after which a machine that does not answer is taken for dead.</summary>
    public const long DeathIsNoticedAfter = 12_000;

    public SimNetwork Network { get; }

    public SimStore Store { get; }

    public SimWorkers Workers { get; }

    public IReadOnlyList<SimMachine> Machines { get; }

    /// <summary>The machine that may be lost for good: nothing is bound to it. Null in most worlds.</summary>
    public SimMachine? Expendable { get; }

    public RunOptions Runs { get; } = new() { MaxAttempts = 1000, BackoffSeconds = 1, BackoffMaximumSeconds = 20, MachineLostSeconds = 200, WorkerLeaseSeconds = 60 };

    public DeviceOptions Devices { get; } = new() { WorkerLeaseSeconds = 60, StopGraceSeconds = 20, LostAfterSeconds = 30 };

    public SchedulingOptions Scheduling { get; } = new() { GuaranteedRunSeconds = 30, SettleSeconds = 6, ForgetAfterSeconds = 90, AuditSeconds = 45, ReplanSeconds = 10 };

    /// <summary>Preemptions that the scheduler has ordered.</summary>
    public int Preemptions { get; set; }

    /// <summary>Calls a grain as a grain of <paramref name="from"/> does. The request may get lost, come late or twice; so may the answer.</summary>
    public Task<T> CallAsync<T>(SimMachine? from, string key, Func<SimActivation, Task<T>> method, bool interleaves = false)
    {
        var answer = new TaskCompletionSource<T>();
        int life = from?.Life ?? 0;
        Back(CallTimeout, () =>
        {
            if (!answer.Task.IsCompleted)
            {
                answer.SetException(new TimeoutException($"{key} did not answer"));
            }
        });
        if (!World.Mishap(0.02))
        {
            Send(World.Mishap(0.05) ? World.Between(100, 6000) : World.Between(1, 5), replies: !World.Mishap(0.02));
        }

        if (World.Mishap(0.02))
        {
            Send(World.Between(1, 15_000), replies: false);
        }

        return answer.Task;

        void Send(long delay, bool replies) => World.After(delay, () =>
        {
            SimActivation? target = Network.IsAside(from) ? FindAside(key) : Find(key);
            if (target is not null && !Network.Reaches(from, target.Machine))
            {
                return; // sent into the void: whoever waits for an answer hears nothing
            }

            if (target is null)
            {
                if (replies)
                {
                    Back(300, () => answer.TrySetException(new OrleansException($"nobody can serve {key} now")));
                }

                return;
            }

            target.Machine.Do(target.Life, 0, () =>
            {
                if (interleaves)
                {
                    _ = TurnAsync();
                }
                else
                {
                    target.Enqueue(TurnAsync);
                }
            });

            async Task TurnAsync()
            {
                try
                {
                    if (target.GaveWay)
                    {
                        throw new OrleansException($"{key} is being deactivated");
                    }

                    T result = await method(target);
                    Reply(() => answer.TrySetResult(result));
                }
                catch (Exception problem)
                {
                    Reply(() => answer.TrySetException(problem));
                }
            }

            void Reply(Action arrives)
            {
                if (replies && Network.Reaches(target.Machine, from))
                {
                    Back(World.Between(1, 5), arrives);
                }
            }
        });

        void Back(long delay, Action action)
        {
            if (from is null)
            {
                World.After(delay, action); // a client outside the cluster
            }
            else
            {
                from.Do(life, delay, action);
            }
        }
    }

    /// <summary>The others no longer know of this activation.</summary>
    public void Forget(SimActivation activation)
    {
        if (_directory.GetValueOrDefault(activation.Key) == activation)
        {
            _directory.Remove(activation.Key);
        }
    }

    /// <summary>What machines that are cut off reach among themselves: what they had in memory, and nothing new.</summary>
    private SimActivation? FindAside(string key)
    {
        foreach (SimMachine machine in Machines)
        {
            if (Network.IsAside(machine) && _onMachines.TryGetValue((machine, key), out SimActivation? here) && here.Lives)
            {
                return here;
            }
        }

        return null;
    }

    private SimActivation? Find(string key)
    {
        if (_directory.TryGetValue(key, out SimActivation? known))
        {
            bool gone = !known.Lives, aside = Network.IsAside(known.Machine);
            bool silent = known.Machine.Stopped || gone || aside;
            if (!silent)
            {
                return known;
            }

            // Nobody notices at once. Until then, calls go where they went.
            bool noticed = known.GaveWay || World.Now - known.Machine.SilentSince >= DeathIsNoticedAfter || (gone && known.Machine.Up && !aside);
            if (aside && !known.GaveWay)
            {
                noticed = World.Now - Network.Since >= DeathIsNoticedAfter;
            }

            if (!noticed)
            {
                return gone ? null : known;
            }

            _directory.Remove(key);
        }

        SimMachine? place = Place(key);
        if (place is null || !Network.ReachesStore(place))
        {
            return null;
        }

        SimActivation activation = SimGrains.Make(this, place, key);
        _directory[key] = activation;
        _onMachines[(place, key)] = activation;
        activation.Activate();
        return activation;
    }

    private SimMachine? Place(string key)
    {
        if (key.StartsWith(SimGrains.TrainerPrefix, StringComparison.Ordinal))
        {
            SimMachine home = Machines.Single(m => m.Name == DeviceIds.Machine(key[SimGrains.TrainerPrefix.Length..]));
            return Usable(home) ? home : null;
        }

        List<SimMachine> usable = [.. Machines.Where(Usable)];
        return usable.Count == 0 ? null : usable[World.Below(usable.Count)];

        bool Usable(SimMachine machine) => machine.Up && !machine.Stopped && !Network.IsAside(machine);
    }
}
