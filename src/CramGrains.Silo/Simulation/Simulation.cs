using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Simulation;

/// <summary>
/// One seeded world from beginning to end: the production code of planner, scheduler, runs, attempts, trainers and budget clocks on simulated machines,
/// with a client that submits and commands, and with everything that can break. After the chaos, every accepted run must come to its end.
/// </summary>
internal sealed class Simulation
{
    private readonly SimWorld _world;
    private readonly SimCluster _cluster;
    private readonly SimScenario _scenario;
    private long _lastLease;

    private Simulation(SimulationPlan plan, bool keepTrace)
    {
        _world = new SimWorld(plan.Seed, keepTrace);
        _cluster = new SimCluster(_world, plan);
        _scenario = new SimScenario(_cluster);
    }

    public static SimulationResult Run(SimulationPlan plan, bool keepTrace = false)
    {
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null); // what is awaited goes on at once, on this thread
        try
        {
            return new Simulation(plan, keepTrace).Play(plan);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    private SimulationResult Play(SimulationPlan plan)
    {
        _cluster.Store.Inspect = Inspect;
        foreach (SimMachine machine in _cluster.Machines)
        {
            Start(machine);
        }

        new SimChaos(_cluster, Start).Begin();
        _scenario.Begin();
        long chaosEnds = (long)plan.Chaos.TotalMilliseconds, end = chaosEnds + (long)plan.Patience.TotalMilliseconds;
        _world.After(chaosEnds, () => _world.Chaos = false);
        Look();
        Remind();
        while (_world.Play())
        {
        }

        return new SimulationResult(
            plan.Seed, _world.Violation, _world.Played, TimeSpan.FromMilliseconds(_world.Now), _world.Digest, _world.Trace, _cluster.Workers.All.Count, _cluster.Preemptions);

        void Look() => _world.After(5000, () =>
        {
            if (!_world.Chaos && _scenario.AllEnded)
            {
                _scenario.CheckEnd();
                _world.End();
                return;
            }

            _world.Require(_world.Now < end, () => $"what was accepted has not ended: {_scenario.Unfinished}");
            Look();
        });
    }

    /// <summary>The watchdog reminder: once a minute each run that has not ended is looked up, wherever it is.</summary>
    private void Remind() => _world.After(60_000, () =>
    {
        foreach (string run in _scenario.Active)
        {
            _cluster.CallAsync(null, SimGrains.RunPrefix + run, SimScheduler.Done<SimRun>(r => r.Wake())).Ignore();
        }

        Remind();
    });

    /// <summary>A silo starts: it takes up its devices again, reports them every ten seconds, and wakes the runs that have not ended.</summary>
    private void Start(SimMachine machine)
    {
        if (machine.Up || machine.Lost)
        {
            return;
        }

        if (!_cluster.Network.CanJoin(machine))
        {
            _world.After(5000, () => Start(machine)); // it is started again and again until it reaches the others and the store
            return;
        }

        machine.Start();
        int life = machine.Life;
        var scheduler = new SimSchedulerProxy(_cluster, machine);
        machine.Devices.ToList().ForEach(d => AdoptAsync(d).Ignore());
        machine.Do(life, _world.Between(0, 1000), Report);
        machine.Do(life, _world.Between(500, 2000), () => ResumeAsync().Ignore());

        void Report()
        {
            scheduler.ReportDevicesAsync(machine.Name, [.. machine.Devices.Select(d => new DeviceReport(d, machine.Name, DeviceReport.Cpu, "simulated", 0))]).Ignore();
            machine.Do(life, 10_000, Report);
        }

        async Task AdoptAsync(string device)
        {
            for (bool adopted = false; !adopted;)
            {
                try
                {
                    await new SimTrainerProxy(_cluster, machine, device).AdoptAsync();
                    adopted = true;
                }
                catch (Exception problem) when (problem is OrleansException or TimeoutException)
                {
                    var again = new TaskCompletionSource();
                    machine.Do(life, 5000, again.SetResult);
                    await again.Task;
                }
            }
        }

        async Task ResumeAsync()
        {
            foreach (string run in await scheduler.ActiveRunsAsync())
            {
                await _cluster.CallAsync(machine, SimGrains.RunPrefix + run, SimScheduler.Done<SimRun>(r => r.Wake()));
            }
        }
    }

    private Action? Inspect(object state)
    {
        if (state is RunRecord { Request: not null } run)
        {
            (string id, bool final) = (run.Request.RunId, run.State.IsFinal());
            return () => _scenario.RunStored(id, final);
        }

        if (state is not SchedulerRecord scheduler)
        {
            return null;
        }

        string[] active = [.. scheduler.ActiveRuns.Keys];

        long lastEpoch = scheduler.LastEpoch;
        string? twice = scheduler.Items.Values.Where(i => i.DeviceId is not null).GroupBy(i => i.DeviceId).FirstOrDefault(g => g.Count() > 1)?.Key;
        return () =>
        {
            _world.Require(lastEpoch >= _lastLease, () => $"the last lease epoch fell from {_lastLease} to {lastEpoch}");
            _world.Require(twice is null, () => $"{twice} is leased twice");
            _lastLease = lastEpoch;
            _scenario.Active = active;
        };
    }
}
