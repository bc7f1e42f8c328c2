using System.Globalization;

namespace CramGrains.Silo.Simulation;

/// <summary>Virtual time: a queue of things to happen, played in order on one thread, and the one source of chance.</summary>
/// <remarks>Code that awaits in this world goes on inside the event that completes what it awaits, so that the order of everything follows from the seed.</remarks>
internal sealed class SimWorld(ulong seed, bool keepTrace)
{
    private const int TraceKept = 400;
    private readonly PriorityQueue<Action, (long At, long Order)> _events = new();
    private readonly Queue<string> _trace = new();
    private ulong _random = seed ^ 0x9E3779B97F4A7C15;
    private long _order;
    private bool _ended;

    /// <summary>Milliseconds since the world began.</summary>
    public long Now { get; private set; }

    public long Played { get; private set; }

    public ulong Digest { get; private set; } = 14695981039346656037;

    public IReadOnlyList<string> Trace => [.. _trace];

    /// <summary>Set by the first broken invariant; nothing is played after it.</summary>
    public string? Violation { get; private set; }

    /// <summary>Whether things break.</summary>
    public bool Chaos { get; set; } = true;

    public void After(long milliseconds, Action action) => _events.Enqueue(action, (Now + milliseconds, _order++));

    /// <summary>Plays the next event.</summary>
    /// <returns>False when there is none, or an invariant is broken.</returns>
    public bool Play()
    {
        if (_ended || Violation is not null || !_events.TryDequeue(out Action? action, out (long At, long Order) when))
        {
            return false;
        }

        Now = when.At;
        Played++;
        Mix((ulong)Now);
        action();
        return Violation is null;
    }

    /// <summary>Nothing more is played.</summary>
    public void End() => _ended = true;

    /// <summary>Splitmix64: chance that is the same on every runtime.</summary>
    public ulong Next()
    {
        ulong z = _random += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    public int Below(int limit) => (int)(Next() % (ulong)limit);

    public long Between(long from, long to) => from + (long)(Next() % (ulong)(to - from + 1));

    /// <summary>True once in a while, and only while things break.</summary>
    public bool Mishap(double probability) => (Next() >> 11) * (1.0 / (1UL << 53)) < probability && Chaos;

    public void Say(string what)
    {
        foreach (char c in what)
        {
            Mix(c);
        }

        if (keepTrace)
        {
            _trace.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{Now / 1000.0,9:0.000} {what}"));
            if (_trace.Count > TraceKept)
            {
                _trace.Dequeue();
            }
        }
    }

    public void Require(bool holds, Func<string> otherwise)
    {
        if (!holds && Violation is null)
        {
            Violation = string.Create(CultureInfo.InvariantCulture, $"at {Now / 1000.0:0.000} s: {otherwise()}");
            Say("VIOLATION " + Violation);
        }
    }

    private void Mix(ulong value) => Digest = (Digest ^ value) * 1099511628211;
}
