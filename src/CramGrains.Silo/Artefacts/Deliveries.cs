using System.Collections.Concurrent;
using System.Globalization;
using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Artefacts;

/// <summary>How artefacts travel.</summary>
internal sealed class ArtefactOptions
{
    /// <summary>A delivery of which nothing has arrived for so long is given up; the work that waits for it goes back to the queue.</summary>
    [System.ComponentModel.DataAnnotations.Range(0.1, 86400)]
    public double PatienceSeconds { get; set; } = 120;

    /// <summary>Pause after every machine that has an artefact was tried in vain.</summary>
    [System.ComponentModel.DataAnnotations.Range(0.005, 600)]
    public double RetrySeconds { get; set; } = 2;
}

/// <summary>What to bring: an artefact, where to, and who may have it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Which one.</param>
/// <param name="Digest">What its content must be.</param>
/// <param name="Target">The folder to make.</param>
/// <param name="Holders">Machines that have it, asked anew for every try.</param>
/// <param name="Wanted">Which files; null for all.</param>
internal sealed record Delivery(
    ArtefactKind Kind, string Name, string Digest, string Target, Func<Task<IReadOnlyList<string>>> Holders, Func<ArtefactFile, bool>? Wanted = null);

/// <summary>Brings artefacts to this machine, each once however many ask, trying one machine after the other.</summary>
internal sealed partial class Deliveries(ArtefactFetcher fetcher, ArtefactFolders folders, IMachines machines, IOptions<ArtefactOptions> options, SiloClock clock, ILogger<Deliveries> logger)
{
    private readonly ConcurrentDictionary<string, Lazy<Task>> _underWay = new();
    private readonly ConcurrentDictionary<string, string> _progress = new();

    /// <summary>Brings it, or waits for whoever brings it already; at once when it is there.</summary>
    /// <exception cref="ArtefactException">Nothing has arrived for long, and what was said last by whom.</exception>
    /// <exception cref="IOException">This machine's disk refuses.</exception>
    public async Task BringAsync(Delivery delivery, CancellationToken cancellationToken)
    {
        if (Directory.Exists(delivery.Target))
        {
            return;
        }

        // The transfer itself has no caller's token: one that loses interest must not end it for the others, and what arrives is of use later too.
        var shared = _underWay.GetOrAdd(delivery.Target, _ => new Lazy<Task>(() => Task.Run(() => BringOnceAsync(delivery), CancellationToken.None)));
        await shared.Value.WaitAsync(cancellationToken);
    }

    /// <summary>How far a delivery is, for people; empty when it has not begun.</summary>
    public string Progress(string target) => _progress.GetValueOrDefault(target, "");

    /// <summary>Forgets it when it has ended, whoever waits for it then or does not any more: whoever asks later is told nothing of it.</summary>
    private async Task BringOnceAsync(Delivery delivery)
    {
        try
        {
            await TryAllAsync(delivery);
        }
        finally
        {
            _underWay.TryRemove(delivery.Target, out _);
            _progress.TryRemove(delivery.Target, out _);
        }
    }

    private async Task TryAllAsync(Delivery delivery)
    {
        long heard = clock.Time.GetTimestamp();
        string last = "";
        while (true)
        {
            IReadOnlyList<string> holders = await HoldersAsync(delivery);
            IReadOnlyDictionary<string, string> alive = machines.Alive;
            foreach (string machine in holders.Where(machine => machine != machines.Own && alive.ContainsKey(machine)))
            {
                try
                {
                    await fetcher.FetchAsync(
                        delivery.Kind, delivery.Name, delivery.Digest, alive[machine], Incoming(delivery), delivery.Target, delivery.Wanted,
                        (done, all) =>
                        {
                            heard = clock.Time.GetTimestamp();
                            _progress[delivery.Target] = string.Create(CultureInfo.InvariantCulture, $"{100.0 * done / Math.Max(1, all):0} % of {all / 1e6:0.0} MB from {machine}");
                        },
                        CancellationToken.None);
                    LogBrought(logger, delivery.Name, machine);
                    return;
                }
                catch (ArtefactException problem)
                {
                    last = problem.Message;
                    LogBroke(logger, delivery.Name, machine, problem.Message);
                }
            }

            if (holders.Count == 0 || !holders.Any(alive.ContainsKey))
            {
                last = holders.Count == 0 ? "no machine is known to have it" : $"only {string.Join(", ", holders)} has it and is not up";
            }

            if (clock.Time.GetElapsedTime(heard) > TimeSpan.FromSeconds(options.Value.PatienceSeconds))
            {
                throw new ArtefactException($"{delivery.Name} cannot be brought here: {last}");
            }

            _progress[delivery.Target] = last;
            await Task.Delay(TimeSpan.FromSeconds(options.Value.RetrySeconds));
        }
    }

    /// <summary>A part of an artefact must not be continued as another part.</summary>
    private string Incoming(Delivery delivery) => folders.Incoming(delivery.Wanted is null ? delivery.Digest : delivery.Digest + ".part");

    private static async Task<IReadOnlyList<string>> HoldersAsync(Delivery delivery)
    {
        try
        {
            return await delivery.Holders();
        }
        catch (Exception problem) when (problem is OrleansException or TimeoutException)
        {
            return []; // the silo that knows is just going; ask again
        }
    }

    [LoggerMessage(EventId = 1711, Level = LogLevel.Information, Message = "{Artefact} was brought from {Machine}")]
    private static partial void LogBrought(ILogger logger, string artefact, string machine);

    [LoggerMessage(EventId = 1712, Level = LogLevel.Warning, Message = "{Artefact} could not be brought from {Machine}: {Problem}")]
    private static partial void LogBroke(ILogger logger, string artefact, string machine, string problem);
}
