using System.Diagnostics;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>How benchmarks time work on a device: wall clock, host preparation included, several pieces in flight between waits, as training keeps them.</summary>
internal static class DeviceTiming
{
    /// <summary>Pieces of work between two waits: training waits as rarely, so the host's work overlaps the device's.</summary>
    public const int InFlight = 4;

    /// <summary>Median milliseconds of one piece over samples of <see cref="InFlight"/> each, after so many samples of warm-up.</summary>
    public static double Median(int samples, int warmUps, Func<torch.Tensor> work)
    {
        Run(work, warmUps * InFlight);
        double[] ms = [.. Enumerable.Range(0, samples).Select(_ => Run(work, InFlight) / InFlight).Order()];
        return ms[ms.Length / 2];
    }

    /// <summary>Milliseconds from the first call to the last result.</summary>
    public static double Run(Func<torch.Tensor> work, int times)
    {
        using var scope = torch.NewDisposeScope();
        long started = Stopwatch.GetTimestamp();
        torch.Tensor last = work();
        for (int i = 1; i < times; i++)
        {
            last = work();
        }

        last.item<float>(); // sync
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }
}
