using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Simulation;

/// <summary>One machine: its silo comes and goes, its workers outlive the silo, and all of it can be stopped and go on later.</summary>
internal sealed class SimMachine
{
    private readonly SimWorld _world;
    private readonly Queue<(int Life, Action Action)> _frozen = new();

    public SimMachine(SimWorld world, string name, IReadOnlyList<string> devices)
    {
        (_world, Name, Devices) = (world, name, devices);
        Time = new MachineTime(this);
        Clock = new SiloClock(Time);
    }

    public string Name { get; }

    public IReadOnlyList<string> Devices { get; }

    /// <summary>Counts the lives of its silo; what belongs to an earlier life never goes on.</summary>
    public int Life { get; private set; }

    /// <summary>Whether a silo lives here, stopped or not.</summary>
    public bool Up { get; private set; }

    public bool Stopped { get; private set; }

    /// <summary>Whether it never comes back.</summary>
    public bool Lost { get; private set; }

    /// <summary>When it was stopped or its silo died, so that the others come to notice.</summary>
    public long SilentSince { get; private set; }

    /// <summary>Error of the wall clock.</summary>
    public TimeSpan WallError { get; set; }

    public SiloClock Clock { get; }

    /// <summary>Monotonic time and the erring wall clock.</summary>
    public TimeProvider Time { get; }

    /// <summary>Lets something happen here, in this life of the silo; later, when the machine is stopped.</summary>
    public void Do(int life, long delay, Action action) => _world.After(delay, () => Arrive(life, action));

    public void Start()
    {
        Life++;
        Up = true;
        _world.Say($"{Name} starts, life {Life}");
    }

    public void Die(string how)
    {
        if (Up)
        {
            Up = false;
            Life++;
            SilentSince = _world.Now;
            _world.Say($"{Name}'s silo dies: {how}");
        }
    }

    public void Lose()
    {
        Lost = true;
        Die("lost for good");
    }

    public void Stop()
    {
        Stopped = true;
        SilentSince = _world.Now;
        _world.Say($"{Name} is stopped");
    }

    /// <summary>Everything that was to happen meanwhile happens now, on what was known when it stopped.</summary>
    public void Continue()
    {
        Stopped = false;
        _world.Say($"{Name} goes on, {_frozen.Count} things late");
        while (!Stopped && _frozen.TryDequeue(out (int Life, Action Action) late))
        {
            Arrive(late.Life, late.Action);
        }
    }

    private void Arrive(int life, Action action)
    {
        if (Stopped)
        {
            _frozen.Enqueue((life, action));
        }
        else if (life < 0 || (life == Life && Up))
        {
            action(); // life below 0: of the machine itself, whatever its silo does
        }
    }

    private sealed class MachineTime(SimMachine machine) : TimeProvider
    {
        private static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => machine._world.Now;

        public override DateTimeOffset GetUtcNow() => Beginning + TimeSpan.FromMilliseconds(machine._world.Now) + machine.WallError;
    }
}
