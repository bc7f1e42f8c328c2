using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class ProgressWindowTests
{
    [Fact]
    public void AddLoss_WhileTheCollectorIsBusy_AddsEveryLoss()
    {
        // What libtorch reads must not be finalized under its hands: without care this fails once in some ten thousand sums.
        const int Sums = 100_000;
        using var done = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            using var window = new ProgressWindow();
            using var loss = ones(1).squeeze(0);
            window.AddStep(ones(1).squeeze(0), 1, 1);
            for (int i = 0; i < Sums; i++)
            {
                window.AddLoss(loss);
            }

            Assert.Equal((1.0, 1.0), window.Read());
        }
        finally
        {
            done.Cancel();
            collector.Join();
        }
    }
}
