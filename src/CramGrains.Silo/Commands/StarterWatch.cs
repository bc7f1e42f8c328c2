using System.Globalization;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Commands;

/// <summary>Looks whether the <c>cram</c> that has started this command still lives. It hands its signals on, but not SIGKILL, nor its end for lack of memory: without it this process would train on for nobody.</summary>
internal sealed class StarterWatch : IDisposable
{
    /// <summary>Environment variable in which <c>cram</c> gives its process id.</summary>
    public const string Variable = "CRAM_STARTED_BY";

    private static readonly TimeSpan Pace = TimeSpan.FromSeconds(1);
    private readonly Timer _timer;
    private int _gone;

    private StarterWatch(int starter, Action gone)
    {
        ProcessIdentity? identity = ProcessIdentity.Of(starter);
        _timer = new Timer(
            _ =>
            {
                if (identity is not { IsAlive: true } && Interlocked.Exchange(ref _gone, 1) == 0)
                {
                    Console.Error.WriteLine($"cram (process {starter}), which started this, is gone; stopping.");
                    gone();
                }
            },
            state: null, TimeSpan.Zero, Pace);
    }

    /// <summary>Begins to look; null where nobody says that he has started this process.</summary>
    /// <param name="starter">What the variable holds.</param>
    /// <param name="gone">Called once, when that process is gone.</param>
    public static StarterWatch? Begin(string? starter, Action gone) =>
        int.TryParse(starter, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? new StarterWatch(id, gone) : null;

    public void Dispose() => _timer.Dispose();
}
