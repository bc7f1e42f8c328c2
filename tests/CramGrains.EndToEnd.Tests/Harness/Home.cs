using System.Diagnostics;
using System.Text.Json;

namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>A home folder with a silo of its own; whatever still lives in it is killed at the end.</summary>
internal sealed class Home : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5); // for a machine that has other work too

    /// <summary>Its folder, fresh and empty.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("cram-e2e-").FullName;

    /// <summary>Process id of the silo, from <c>silo.json</c>.</summary>
    public int SiloProcessId => Described("pid");

    /// <summary>Where its silo serves <c>/metrics</c> and <c>/healthz</c>.</summary>
    public int HttpPort => Described("http_port");

    /// <summary>Runs <c>cram</c> with this home.</summary>
    public Task<CramProcess> CramAsync(params string[] arguments) => CramProcess.RunAsync(Limit, [.. arguments, "--home", Folder]);

    /// <summary>The run as <c>cram show --json</c> has it.</summary>
    public async Task<JsonElement> ShowAsync(string run) => (await CramAsync("show", run, "--json")).Expect(0).Json;

    /// <summary>Asks until the condition holds; fails after the deadline with what it waited for and what it saw last.</summary>
    public static async Task<T> WaitForAsync<T>(string what, TimeSpan limit, Func<Task<T>> ask, Func<T, bool> condition)
    {
        for (var started = Stopwatch.GetTimestamp(); ; await Task.Delay(250, TestContext.Current.CancellationToken))
        {
            var seen = await ask();
            if (condition(seen))
            {
                return seen;
            }

            Assert.True(Stopwatch.GetElapsedTime(started) < limit, $"Waited {limit} for {what}; saw last: {seen}");
        }
    }

    /// <summary>Sends SIGKILL; the process gets no chance to say goodbye.</summary>
    public static void Kill(int processId)
    {
        using var process = Process.GetProcessById(processId);
        process.Kill();
        process.WaitForExit();
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await CramAsync("down", "--now");
        KillAllOf(Folder);
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Kills what still lives of all that was started with a folder on its command line.</summary>
    public static void KillAllOf(string folder)
    {
        foreach (var process in Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, null)))
        {
            if (CommandLine(process).Contains(folder, StringComparison.Ordinal))
            {
                Process.GetProcessById(process).Kill();
            }
        }
    }

    private int Described(string property)
    {
        using var description = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "silo.json")));
        return description.RootElement.GetProperty(property).GetInt32();
    }

    private static string CommandLine(int processId)
    {
        try
        {
            return File.ReadAllText($"/proc/{processId}/cmdline");
        }
        catch (IOException) // It ended while we looked.
        {
            return "";
        }
    }
}
