using System.Diagnostics;
using System.Text.Json;
using CramGrains.Client.Connection;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>A silo as a service manager would run it, with a home and settings of its own.</summary>
internal sealed class SiloProcess(string machine, string home, string settings, IReadOnlyList<string>? within = null) : IAsyncDisposable
{
    private static readonly string Executable = SiloProgram.Find();
    private Process? _process;

    public string Machine { get; } = machine;

    public string Home { get; } = home;

    public string Log => Path.Combine(Home, "silo.log");

    public bool IsAlive => _process is { HasExited: false };

    public int ProcessId => Description?.Pid ?? _process!.Id;

    public int ExitCode => _process!.ExitCode;

    /// <summary>What it says of itself; null while it is not ready.</summary>
    public SiloDescription? Description => SiloDescription.TryRead(Home);

    public string HttpAddress => Description is { } silo ? silo.HttpAddress : throw new InvalidOperationException($"{Machine} is not up");

    /// <summary>Starts it without waiting.</summary>
    public void Start()
    {
        Directory.CreateDirectory(Home);
        File.Delete(Path.Combine(Home, "silo.json"));
        string[] command = [.. within ?? [], Executable, "serve", "--home", Home, "--config", settings, "--log", Log];
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        // Three workers on few cores: threads that wait for each other would cost more than they bring.
        start.Environment["OMP_NUM_THREADS"] = "1";
        _process = Process.Start(start)!;
    }

    /// <summary>Waits until it is ready.</summary>
    public Task ReadyAsync() => Eventually.TrueAsync(
        () =>
        {
            Assert.True(IsAlive, $"{Machine} ended with code {(_process!.HasExited ? _process.ExitCode : 0)}:\n{Tail()}");
            return Description is not null;
        },
        () => $"{Machine} is ready; its log ends:\n{Tail()}", Lab.Patience);

    public async Task StartAndWaitAsync()
    {
        Start();
        await ReadyAsync();
    }

    /// <summary>SIGKILL; its worker lives on.</summary>
    public async Task KillAsync()
    {
        if (IsAlive)
        {
            if (Description is { } silo)
            {
                KillQuietly(silo.Pid); // within a network namespace the child is another process than the one that we started
            }

            _process!.Kill();
            await _process.WaitForExitAsync();
        }
    }

    /// <summary>SIGTERM, and waits until it is gone.</summary>
    public async Task StopAsync()
    {
        Signals.SendIfAlive(ProcessId, Signals.Terminate);
        await Eventually.TrueAsync(() => !IsAlive, () => $"{Machine} ends after SIGTERM", Lab.Patience);
    }

    public Task EndedAsync(TimeSpan limit) => Eventually.TrueAsync(() => !IsAlive, () => $"{Machine} ends by itself; its log ends:\n{Tail()}", limit);

    public string Tail() => File.Exists(Log) ? string.Join('\n', ReadLog().Split('\n').TakeLast(40)) : "(no log)";

    /// <summary>What it said before it took to its log: why it did not start.</summary>
    public Task<string> ReadErrorsAsync() => _process!.StandardError.ReadToEndAsync();

    public string ReadLog()
    {
        using var file = new FileStream(Log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return new StreamReader(file).ReadToEnd();
    }

    /// <summary>The workers of this home that live, newest attempt last.</summary>
    public IReadOnlyList<WorkerSeen> Workers() =>
    [
        .. from status in Directory.Exists(Path.Combine(Home, "runs")) ? Directory.GetFiles(Path.Combine(Home, "runs"), "status.json", SearchOption.AllDirectories) : []
           let seen = WorkerSeen.Read(status)
           where seen is { Alive: true }
           orderby seen.LeaseEpoch
           select seen,
    ];

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        foreach (var worker in Workers())
        {
            KillQuietly(worker.ProcessId);
        }

        _process?.Dispose();
        _process = null; // a lab disposes of silos that a test has disposed of
    }

    private static void KillQuietly(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
            process.WaitForExit();
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException)
        {
            // It has ended.
        }
    }
}

/// <summary>A worker by its status file.</summary>
internal sealed record WorkerSeen(int ProcessId, string RunId, long LeaseEpoch, string Phase, bool Alive)
{
    public static WorkerSeen? Read(string file)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText(file));
            var status = document.RootElement;
            int processId = status.GetProperty("process_id").GetInt32();
            string command = File.Exists($"/proc/{processId}/cmdline") ? File.ReadAllText($"/proc/{processId}/cmdline") : "";
            return new WorkerSeen(
                processId, status.GetProperty("run_id").GetString()!, status.GetProperty("lease_epoch").GetInt64(), status.GetProperty("phase").GetString()!,
                command.Contains(Path.GetDirectoryName(file)!, StringComparison.Ordinal));
        }
        catch (Exception problem) when (problem is IOException or JsonException)
        {
            return null;
        }
    }
}
