namespace CramGrains.Silo.Simulation;

/// <summary>What happens to machines, workers and clocks while things break. Everything that goes comes back.</summary>
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
        switch (_world.Below(10))
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
            default:
                machine.WallError += _world.Below(4) switch { 0 => Hour, 1 => -Hour, 2 => Year, _ => -Year };
                _world.Say($"the clock of {machine.Name} is now wrong by {machine.WallError}");
                break;
        }

        _world.After(_world.Between(3000, 25_000), Strike);
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
