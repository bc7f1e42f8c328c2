using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Worker;

/// <summary>Workers as child processes that outlive this silo: started with an assignment file, spoken to over a socket, found again by what they left in their work folder.</summary>
internal sealed class ProcessWorkerHost(WorkerCommandLine commandLine) : IWorkerHost, IDisposable
{
    // Until its socket answers, a new worker may wait for its device and load libraries.
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(30);
    private readonly WorkerClient _socket = new();
    private readonly Lock _starts = new();
    private readonly ConcurrentDictionary<string, long> _silentSince = new();

    public Task StartAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        WorkerAssignment timed = assignment with { LeaseSince = Stopwatch.GetTimestamp() };
        // Starting a process takes a moment, and on a busy machine long enough for somebody to ask again.
        lock (_starts)
        {
            Start(timed);
        }

        return Task.CompletedTask;
    }

    private void Start(WorkerAssignment assignment)
    {
        if (ReadIdentity(assignment) is not null || ReadStatus(assignment) is not null)
        {
            return; // one folder, one worker: alive or ended, it is not started twice
        }

        string file = Path.Combine(assignment.WorkFolder, "assignment.json");
        Directory.CreateDirectory(assignment.WorkFolder);
        Directory.CreateDirectory(Path.GetDirectoryName(assignment.SocketPath)!);
        AtomicFile.WriteText(file, JsonSerializer.Serialize(assignment, WorkerJson.Options));
        ProcessStartInfo start = commandLine.For(file, LogFile(assignment));
        start.Environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"; // so that cuda:1 is the driver's GPU 1 also where GPUs differ
        using Process process = Process.Start(start)
            ?? throw new IOException("the worker process did not start");
        // Should this silo die before the next line, the worker's own status file and its device lock still tell of it.
        ProcessIdentity identity = ProcessIdentity.Of(process.Id) ?? new ProcessIdentity(process.Id, -1, "");
        AtomicFile.WriteText(IdentityFile(assignment), JsonSerializer.Serialize(identity, WorkerJson.Options));
    }

    public async Task<WorkerStatus?> PollAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        if (await _socket.StatusAsync(assignment.SocketPath, cancellationToken) is { } spoken)
        {
            _silentSince.TryRemove(assignment.WorkFolder, out _);
            return spoken;
        }

        // Alive or dead is asked before the file is read: a worker writes its last status before it goes.
        ProcessIdentity? identity = ReadIdentity(assignment) ?? IdentityFromStatus(assignment);
        bool alive = identity is { IsAlive: true };
        WorkerStatus? written = ReadStatus(assignment);
        if (written?.Phase == WorkerPhase.Ended || (written is null && identity is null))
        {
            return written;
        }

        written ??= new WorkerStatus(
            assignment.RunId, assignment.LeaseEpoch, assignment.Job, identity!.ProcessId, WorkerPhase.Starting, TerminationReason.None,
            "the worker is starting", assignment.BudgetUsedSeconds, null, [], null);
        if (alive && IsHung(assignment))
        {
            await KillAsync(assignment, cancellationToken);
            return written with
            {
                Phase = WorkerPhase.Ended,
                Reason = TerminationReason.WorkerLost,
                Message = $"the worker process {written.ProcessId} lived but did not answer for {assignment.LeaseSeconds:0} s; killed",
            };
        }

        return alive
            ? written
            : written with { Phase = WorkerPhase.Ended, Reason = TerminationReason.WorkerLost, Message = $"the worker process {written.ProcessId} ended without a word{LastWords(assignment)}" };
    }

    public Task<bool> RenewLeaseAsync(WorkerAssignment assignment, TimeSpan duration, CancellationToken cancellationToken) =>
        _socket.CommandAsync(assignment.SocketPath, "lease", new WorkerCommand(assignment.LeaseEpoch, duration.TotalSeconds, Since: Stopwatch.GetTimestamp()), cancellationToken);

    public Task StopAsync(WorkerAssignment assignment, TerminationReason reason, CancellationToken cancellationToken) =>
        _socket.CommandAsync(assignment.SocketPath, "stop", new WorkerCommand(assignment.LeaseEpoch, Reason: reason), cancellationToken);

    public async Task KillAsync(WorkerAssignment assignment, CancellationToken cancellationToken)
    {
        if ((ReadIdentity(assignment) ?? IdentityFromStatus(assignment)) is not { IsAlive: true } identity)
        {
            return;
        }

        try
        {
            using var process = Process.GetProcessById(identity.ProcessId);
            process.Kill();
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException)
        {
            return; // it has just ended
        }

        var waited = Stopwatch.StartNew();
        while (identity.IsAlive)
        {
            if (waited.Elapsed > KillPatience)
            {
                throw new IOException($"worker process {identity.ProcessId} does not go away after SIGKILL; its device driver may hang");
            }

            await Task.Delay(20, cancellationToken);
        }
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>A process that has not answered for as long as its lease: stopped, or hung in its driver. Its lease has run out, so its work is anybody's.</summary>
    private bool IsHung(WorkerAssignment assignment) =>
        Stopwatch.GetElapsedTime(_silentSince.GetOrAdd(assignment.WorkFolder, _ => Stopwatch.GetTimestamp())).TotalSeconds > assignment.LeaseSeconds + StartPatience.TotalSeconds;

    private static string IdentityFile(WorkerAssignment assignment) => Path.Combine(assignment.WorkFolder, "process.json");

    private static string LogFile(WorkerAssignment assignment) => Path.Combine(assignment.WorkFolder, "worker.log");

    private static ProcessIdentity? ReadIdentity(WorkerAssignment assignment) => Read<ProcessIdentity>(IdentityFile(assignment));

    private static WorkerStatus? ReadStatus(WorkerAssignment assignment) => Read<WorkerStatus>(Path.Combine(assignment.WorkFolder, "status.json"));

    /// <summary>For a worker whose silo died before it could note whom it had started. The number alone may by now be somebody else's, so this is only believed where a socket is expected.</summary>
    private static ProcessIdentity? IdentityFromStatus(WorkerAssignment assignment) =>
        ReadStatus(assignment) is { Phase: not WorkerPhase.Ended } status && ProcessIdentity.Of(status.ProcessId) is { } now && IsWorker(status.ProcessId) ? now : null;

    private static bool IsWorker(int processId)
    {
        try
        {
            return !OperatingSystem.IsLinux() || File.ReadAllText($"/proc/{processId}/cmdline").Contains("assignment.json", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static T? Read<T>(string path) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), WorkerJson.Options);
        }
        catch (Exception problem) when (problem is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>The last line of the worker's log, where a native crash says why.</summary>
    private static string LastWords(WorkerAssignment assignment)
    {
        const int Longest = 300;
        string path = LogFile(assignment);
        string? last = File.Exists(path) ? File.ReadLines(path).LastOrDefault(l => l.Length > 0) : null;
        return last is null ? "" : ": " + (last.Length > Longest ? last[..Longest] : last);
    }
}
