namespace CramGrains.Model.Training;

/// <summary>What a training used, as the paper counts it: beside the wall clock, so that results of different machines can be compared.</summary>
/// <param name="Seconds">Training seconds.</param>
/// <param name="Exaflop">Model operations done, in 1e18.</param>
/// <param name="PeakExaflop">What the device could have done at its peak in that time; null where its peak is not known.</param>
/// <param name="ModelFlopsUtilization">The first over the second, in [0, 1]; null where the peak is not known.</param>
public sealed record ComputeUse(double Seconds, double Exaflop, double? PeakExaflop, double? ModelFlopsUtilization)
{
    private const double Tera = 1e12, Exa = 1e18;

    /// <summary>Relates model operations to a peak.</summary>
    /// <param name="seconds">Training seconds.</param>
    /// <param name="exaflop">Model operations done, in 1e18.</param>
    /// <param name="peakTeraflops">Peak of the device; see <see cref="Recipes.GpuPeaks"/>.</param>
    public static ComputeUse Of(double seconds, double exaflop, double? peakTeraflops)
    {
        double? peak = peakTeraflops is { } teraflops && seconds > 0 ? seconds * teraflops * Tera / Exa : null;
        return new(seconds, exaflop, peak, exaflop / peak);
    }
}
