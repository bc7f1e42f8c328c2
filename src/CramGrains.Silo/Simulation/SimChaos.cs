namespace CramGrains.Silo.Simulation;

/// <summary>What happens to machines, workers and clocks while things break. Everything that goes comes back, but for the one machine of some worlds that can be done without.</summary>
internal sealed class SimChaos(SimCluster cluster, Action<SimMachine> start)
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1), Year = TimeSpan.FromDays(365);
    private readonly SimWorld _world = cluster.World;

    public void Begin() => _world.After(_world.Between(5000, 30_000), Strike);

    private void Strike()
    {
        if (!_world.Chaos)
        {
            return;
        }

        SimMachine machine = cluster.Machines[_world.Below(cluster.Machines.Count)];
        switch (_world.Below(14))
        {
            case 0 or 1 or 2:
                Crash(machine, power: false, _world.Between(2000, 40_000));
                break;
            case 3:
                Crash(machine, power: true, _world.Between(5000, 60_000));
                break;
            case 4:
                Crash(machine, power: _world.Below(2) == 0, _world.Between(130_000, 300_000));
                break;
            case 5 or 6:
                Freeze(machine, _world.Between(1000, 20_000));
                break;
            case 7:
                Freeze(machine, _world.Between(60_000, 250_000));
                break;
            case 8:
                cluster.Workers.AnyAlive()?.Die();
                break;
            case 9 or 10 or 11:
                Cut();
                break;
            case 12:
                Lose();
                break;
            default:
                machine.WallError += _world.Below(4) switch { 0 => Hour, 1 => -Hour, 2 => Year, _ => -Year };
                _world.Say($"the clock of {machine.Name} is now wrong by {machine.WallError}");
                break;
        }

        _world.After(_world.Between(3000, 25_000), Strike);
    }

    /// <summary>Cuts some machines from the others, from the store, or from both; for a moment, or for longer than leases last.</summary>
    private void Cut()
    {
        SimNetwork network = cluster.Network;
        if (network.IsCut)
        {
            return;
        }

        int first = _world.Below(cluster.Machines.Count), count = 1 + _world.Below(cluster.Machines.Count - 1);
        List<SimMachine> aside = [.. Enumerable.Range(first, count).Select(i => cluster.Machines[i % cluster.Machines.Count])];
        int lines = _world.Below(3);
        bool peers = lines != 0, store = lines != 1;
        long duration = _world.Below(3) switch { 0 => _world.Between(1000, 11_000), 1 => _world.Between(15_000, 60_000), _ => _world.Between(80_000, 250_000) };
        network.Cut(aside, peers, store);
        _world.After(duration, network.Heal);
        if (!peers || duration < SimCluster.DeathIsNoticedAfter)
        {
            return;
        }

        // Voted dead. Who reads the store learns of it sooner or later, the others once they can.
        foreach (SimMachine machine in aside)
        {
            int life = machine.Life;
            long learns = store ? duration + _world.Between(200, 2000) : SimCluster.DeathIsNoticedAfter + _world.Between(200, 45_000);
            _world.After(learns, () => End(machine, life));
        }
    }

    /// <summary>A silo that has been voted dead ends its own process and is started again.</summary>
    private void End(SimMachine machine, int life)
    {
        if (machine.Stopped)
        {
            _world.After(1000, () => End(machine, life));
        }
        else if (machine.Up && machine.Life == life)
        {
            machine.Die("was voted dead");
            _world.After(_world.Between(3000, 8000), () => start(machine));
        }
    }

    private void Crash(SimMachine machine, bool power, long away)
    {
        if (!machine.Up || machine.Stopped)
        {
            return;
        }

        machine.Die(power ? "power cut" : "killed");
        if (power)
        {
            cluster.Workers.KillAll(machine);
        }

        _world.After(away, () => start(machine));
    }

    /// <summary>Nobody ever hears of it again; its workers may be left to the end of their leases.</summary>
    private void Lose()
    {
        if (cluster.Expendable is { Up: true, Stopped: false } machine)
        {
            machine.Lose();
            if (_world.Below(2) == 0)
            {
                cluster.Workers.KillAll(machine);
            }
        }
    }

    private void Freeze(SimMachine machine, long duration)
    {
        if (!machine.Up || machine.Stopped)
        {
            return;
        }

        machine.Stop();
        long stoppedAt = _world.Now;
        _world.After(duration, () =>
        {
            foreach (SimWorker worker in cluster.Workers.All.Where(w => w.Machine == machine && w.Alive))
            {
                worker.Thaw(stoppedAt);
            }

            machine.Continue();
            if (duration > 12_000)
            {
                // The others have declared it dead; it learns so a little later, and ends its own process.
                _world.After(_world.Between(200, 2000), () => machine.Die("was voted dead"));
                _world.After(_world.Between(3000, 8000), () => start(machine));
            }
        });
    }
}
