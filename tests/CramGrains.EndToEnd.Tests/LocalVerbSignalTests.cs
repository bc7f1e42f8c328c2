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

    public void Dispose()
    {
        Home.KillAllOf(_folder);
        Directory.Delete(_folder, recursive: true);
    }

    private string Output => Path.Combine(_folder, "run");

    [Theory]
    [InlineData(1)]
    [InlineData(3)] // as timeout does it: to the group, and cram hands its own on
    public async Task Pretrain_CramTerminated_SavesACheckpointAndEndsWithIt(int times)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no SIGTERM.");
        var said = new StringBuilder();
        using var cram = await TrainingAsync(said);
        for (int i = 0; i < times; i++)
        {
            Signals.Send(cram.Id, Signals.Terminate);
        }

        await cram.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.True(cram.ExitCode == 130, $"Exit code {cram.ExitCode}, expected 130.\n{said}");
        Assert.Single(Directory.GetDirectories(Path.Combine(Output, "checkpoints"), "step-*"));
        Assert.True(NobodyTrains());
    }

    /// <summary>Killed, for want of memory perhaps, it hands no signal on.</summary>
    [Fact]
    public async Task Pretrain_CramKilled_SavesACheckpointAndEndsToo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "There, a kill is all that there is.");
        var said = new StringBuilder();
        using var cram = await TrainingAsync(said);
        cram.Kill();

        await Eventually.TrueAsync(NobodyTrains, () => $"the verb ends too; it said:\n{said}", TimeSpan.FromMinutes(2));

        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(Output, "checkpoints"), "step-*"));
    }

    /// <summary><c>cram pretrain</c>, at its first step.</summary>
    private async Task<Process> TrainingAsync(StringBuilder said)
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "cram"),
            ["pretrain", Recipes.Tiny, "--corpus", SampleText.Write(_folder, 200_000), "--out", Output, "--corpora", Path.Combine(_folder, "corpora"), "--device", "cpu", "--budget", "1h"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        var cram = Process.Start(start)!;
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
        await trains.Task.WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);
        return cram;
    }

    private bool NobodyTrains()
    {
        try
        {
            using var free = new FileStream(Path.Combine(Output, "run.lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
