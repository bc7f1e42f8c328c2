using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Simulation;

/// <summary>The machines, the directory of activations, and a network that loses, delays, repeats and reorders.</summary>
internal sealed class SimCluster
{
    private const long CallTimeout = 10_000;
    private const long DeathIsNoticedAfter = 12_000;
    private readonly Dictionary<string, SimActivation> _directory = new(StringComparer.Ordinal);

    public SimCluster(SimWorld world, SimulationPlan plan)
    {
        (World, Plan) = (world, plan);
        Store = new SimStore(world, plan.Sabotage);
        Machines = [.. Enumerable.Range(0, plan.Machines).Select(m => new SimMachine(world, $"m{m}", [.. Enumerable.Range(0, 1 + world.Below(2)).Select(d => $"m{m}/cpu{d}")]))];
        Workers = new SimWorkers(world, plan.Sabotage, Machines);
    }

    public SimWorld World { get; }

    public SimulationPlan Plan { get; }

    public SimStore Store { get; }

    public SimWorkers Workers { get; }

    public IReadOnlyList<SimMachine> Machines { get; }

    public RunOptions Runs { get; } = new() { MaxAttempts = 1000, BackoffSeconds = 1, BackoffMaximumSeconds = 20, MachineLostSeconds = 120, WorkerLeaseSeconds = 60 };

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
            SimActivation? target = Find(key);
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
                if (replies)
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

    private SimActivation? Find(string key)
    {
        if (_directory.TryGetValue(key, out SimActivation? known))
        {
            bool gone = !known.Lives;
            bool silent = known.Machine.Stopped || gone;
            if (!silent)
            {
                return known;
            }

            // Nobody notices at once. Until then, calls go where they went.
            bool noticed = known.GaveWay || World.Now - known.Machine.SilentSince >= DeathIsNoticedAfter || (gone && known.Machine.Up);
            if (!noticed)
            {
                return gone ? null : known;
            }

            _directory.Remove(key);
        }

        SimMachine? place = Place(key);
        if (place is null)
        {
            return null;
        }

        SimActivation activation = SimGrains.Make(this, place, key);
        _directory[key] = activation;
        activation.Activate();
        return activation;
    }

    private SimMachine? Place(string key)
    {
        if (key.StartsWith(SimGrains.TrainerPrefix, StringComparison.Ordinal))
        {
            SimMachine home = Machines.Single(m => m.Name == DeviceIds.Machine(key[SimGrains.TrainerPrefix.Length..]));
            return home.Up && !home.Stopped ? home : null;
        }

        List<SimMachine> up = [.. Machines.Where(m => m.Up && !m.Stopped)];
        return up.Count == 0 ? null : up[World.Below(up.Count)];
    }
}
