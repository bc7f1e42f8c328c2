using System.Diagnostics;
using System.Text;
using CramGrains.EndToEnd.Tests.Cluster;
using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Who stops <c>cram</c> stops what it has started, and hears how that ended.</summary>
[Trait("Category", "EndToEnd")]
public sealed class LocalVerbSignalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-signal-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(3)] // as timeout does it: to the group, and cram hands its own on
    public async Task Pretrain_CramTerminated_SavesACheckpointAndEndsWithIt(int times)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGTERM.");
        string output = Path.Combine(_folder, "run");
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "cram"),
            ["pretrain", Recipes.Tiny, "--corpus", SampleText.Write(_folder, 200_000), "--out", output, "--corpora", Path.Combine(_folder, "corpora"), "--device", "cpu", "--budget", "1h"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        using var cram = Process.Start(start)!;
        var said = new StringBuilder();
        var trains = new TaskCompletionSource();
        cram.ErrorDataReceived += (_, line) =>
        {
            lock (said)
            {
                said.AppendLine(line.Data);
            }

            if (line.Data?.StartsWith("step 0: held-out loss", StringComparison.Ordinal) == true)
            {
                trains.TrySetResult();
            }
        };
        cram.BeginErrorReadLine();
        try
        {
            await trains.Task.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);
            for (int i = 0; i < times; i++)
            {
                Signals.Send(cram.Id, Signals.Terminate);
            }

            await cram.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        }
        finally
        {
            cram.Kill(entireProcessTree: true);
        }

        Assert.True(cram.ExitCode == 130, $"Exit code {cram.ExitCode}, expected 130.\n{said}");
        Assert.Single(Directory.GetDirectories(Path.Combine(output, "checkpoints"), "step-*"));
        using var free = new FileStream(Path.Combine(output, "run.lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None); // nobody trains on
    }
}
