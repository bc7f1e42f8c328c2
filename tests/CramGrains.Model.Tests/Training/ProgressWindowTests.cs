using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class ProgressWindowTests
{
    [Fact]
    public void AddLoss_WhileTheCollectorIsBusy_AddsEveryLoss()
    {
        const int Sums = 100_000; // without care one in some ten thousand fails
        using var window = new ProgressWindow();
        using var loss = ones(1).squeeze(0);
        window.AddStep(ones(1).squeeze(0), 1, 1);

        var read = BusyCollector.During(() =>
        {
            for (int i = 0; i < Sums; i++)
            {
                window.AddLoss(loss);
            }

            return window.Read();
        });

        Assert.Equal((1.0, 1.0), read);
    }
}
