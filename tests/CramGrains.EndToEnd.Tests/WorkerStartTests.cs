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
        string file = Path.Combine(_folder, "assignment.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            version = 1,
            run_id = "r-1",
            lease_epoch = 3,
            job = "pretrain",
            recipe_json = "{}",
            device = "cpu",
            device_lock_file = Path.Combine(_folder, "cpu.lock"),
            socket_path = Path.Combine(_folder, "socket"),
            work_folder = _folder,
            lease_seconds = 30.0,
            corpora_folder = _folder,
            corpus_digest = "none",
            run_folder = _folder,
            budget_used_seconds = 0.0,
            seed = 0,
            lease_since = Stopwatch.GetTimestamp() - (60 * Stopwatch.Frequency),
        }), TestContext.Current.CancellationToken);

        (await CramProcess.RunSiloAsync(TimeSpan.FromMinutes(2), "worker", "--assignment", file)).Expect(75);

        using JsonDocument status = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "status.json"), TestContext.Current.CancellationToken));
        Assert.Equal(("ended", "lease-expired"), (status.RootElement.GetProperty("phase").GetString(), status.RootElement.GetProperty("reason").GetString()));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
