using System.Diagnostics;
using System.Text.Json;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>A worker process at its very beginning.</summary>
[Trait("Category", "EndToEnd")]
public sealed class WorkerStartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-worker-start-").FullName;

    /// <summary>Its machine stood still while its process started. Its lease counts from when it was given, so by now the run may train elsewhere.</summary>
    [Fact]
    public async Task Worker_ItsLeaseRanOutBeforeItCouldBegin_EndsWithoutTraining()
    {
        JsonElement status = await WorkAsync(75, Path.Combine(_folder, "cpu.lock"), since: Stopwatch.GetTimestamp() - (60 * Stopwatch.Frequency));

        Assert.Equal(("ended", "lease-expired"), (status.GetProperty("phase").GetString(), status.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task Worker_LockThatItCannotMake_SaysWhichAndWhatToDo()
    {
        JsonElement status = await WorkAsync(1, Path.Combine("/dev/null", "locks", "cpu.lock"));

        Assert.Equal("worker-failed", status.GetProperty("reason").GetString());
        Assert.Contains("cpu cannot be locked", status.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains("cram:silo:LockFolder", status.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <returns>Its last word.</returns>
    private async Task<JsonElement> WorkAsync(int exitCode, string lockFile, long? since = null)
    {
        string file = Path.Combine(_folder, "assignment.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            version = 1,
            run_id = "r-1",
            lease_epoch = 3,
            job = "pretrain",
            recipe_json = "{}",
            device = "cpu",
            device_lock_file = lockFile,
            socket_path = Path.Combine(_folder, "socket"),
            work_folder = _folder,
            lease_seconds = 30.0,
            corpora_folder = _folder,
            corpus_digest = "none",
            run_folder = _folder,
            budget_used_seconds = 0.0,
            seed = 0,
            lease_since = since,
        }), TestContext.Current.CancellationToken);

        (await CramProcess.RunSiloAsync(TimeSpan.FromMinutes(2), "worker", "--assignment", file)).Expect(exitCode);

        using JsonDocument status = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "status.json"), TestContext.Current.CancellationToken));
        return status.RootElement.Clone();
    }
}
