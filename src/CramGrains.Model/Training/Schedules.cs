using CramGrains.Model.Recipes;

namespace CramGrains.Model.Training;

/// <summary>Everything that changes over a run, as pure functions of the progress x in [0, 1] (Cramming, sections 4.3 and B).</summary>
/// <remarks>
/// x is the fraction of the budget that is used up, so the learning rate reaches zero when the budget does, however fast the machine is. Each shape has a
/// twin that is tied to a number of microbatch steps instead (<see cref="ScheduleRecipe.Steps"/>): the same function of the fraction of those steps, which
/// the paper's un-budgeted baselines stop somewhere on the way.
/// Differs: a cosine-annealing cycle that ends the run ends at zero, not at the start of a next cycle, and a polynomial ends at zero, not at 1e-7.
/// </remarks>
public static class Schedules
{
    /// <summary>The factor in [0, 1] on the peak learning rates.</summary>
    /// <param name="schedule">Shape, with W = warm-up fraction and C = cool-down fraction.</param>
    /// <param name="progress">x; values outside [0, 1] are clamped.</param>
    public static double LearningRateFactor(ScheduleRecipe schedule, double progress)
    {
        double x = Math.Clamp(progress, 0, 1), w = schedule.WarmupFraction, c = schedule.CooldownFraction;
        if (x < w)
        {
            return x / w;
        }

        double p = w < 1 ? (x - w) / (1 - w) : 1; // progress after the warm-up
        double factor = schedule.Kind switch
        {
            ScheduleKind.Triangle2 => Math.Min(0.25 + x, 4 - 4 * x),
            ScheduleKind.Triangle1 => Math.Min(0.5 + x * 2 / 3, 4 - 4 * x),
            ScheduleKind.OneCycle => OneCycle(x),
            ScheduleKind.MultiCycle => OneCycle(8 * x % 1),
            ScheduleKind.Constant => CoolDown(_ => 1, x, c),
            ScheduleKind.Linear or ScheduleKind.Polynomial => 1 - p, // the reference's polynomial has power 1
            ScheduleKind.Cosine => 0.5 * (1 + Math.Cos(Math.PI * p)),
            ScheduleKind.CosineAnnealing => p >= 1 ? 0 : 0.5 * (1 + Math.Cos(Math.PI * (4 * p % 1))),
            ScheduleKind.InverseSqrt => CoolDown(t => Math.Sqrt(w / t), x, c),
            ScheduleKind.Ramp => CoolDown(t => t, x, c),
            ScheduleKind.InverseCosine => CoolDown(t => 0.5 * (1 + Math.Cos(Math.PI * (1 - t))), x, c),
            ScheduleKind.Dive => Math.Min(1, 2 - 2 * x),
            ScheduleKind.DiveSlow => Math.Min(1, (1 - x) * 4 / 3),
            ScheduleKind.DiveFast => Math.Min(1, 4 - 4 * x),
            _ => throw new ArgumentOutOfRangeException(nameof(schedule), schedule.Kind, "Unknown schedule."),
        };
        return Math.Clamp(factor, 0, 1);
    }

    /// <summary>The factor on the peak learning rates at a point of a run, whichever of the two the schedule is tied to.</summary>
    /// <param name="schedule">Shape.</param>
    /// <param name="budgetFraction">Fraction of the budget used up.</param>
    /// <param name="microbatchSteps">Microbatch steps done.</param>
    public static double LearningRateFactor(ScheduleRecipe schedule, double budgetFraction, long microbatchSteps) =>
        LearningRateFactor(schedule, schedule.Steps is { } steps ? (double)microbatchSteps / steps : budgetFraction);

    /// <summary>Rows of the next batch: from one microbatch, or the recipe's start, it grows linearly, in whole microbatches, to full size at the ramp's end.</summary>
    /// <param name="training">Sizes, and the ramp as a fraction of the budget or in microbatch steps.</param>
    /// <param name="budgetFraction">Fraction of the budget used up; values outside [0, 1] are clamped.</param>
    /// <param name="microbatchSteps">Microbatch steps done.</param>
    public static int BatchSize(TrainingRecipe training, double budgetFraction, long microbatchSteps = 0)
    {
        double ramp = training.BatchRampSteps ?? training.BatchRampFraction;
        double x = training.BatchRampSteps is null ? Math.Clamp(budgetFraction, 0, 1) : microbatchSteps;
        if (x >= ramp)
        {
            return training.BatchSize;
        }

        double microbatches = training.BatchSizeStart is { } start
            ? Math.Floor((start + (x / ramp * (training.BatchSize - start))) / training.MicrobatchSize)
            : Math.Floor(x / ramp * training.BatchSize / training.MicrobatchSize) + 1;
        return (int)Math.Min(microbatches * training.MicrobatchSize, training.BatchSize);
    }

    /// <summary>The fraction of positions to mask: fixed, or falling linearly over the budget (Ankner et al. 2023, arXiv:2305.15096).</summary>
    public static double MaskFraction(TrainingRecipe training, double progress) =>
        training.MaskFraction + ((training.MaskFractionEnd ?? training.MaskFraction) - training.MaskFraction) * Math.Clamp(progress, 0, 1);

    /// <summary>True for shapes that rise from zero over the warm-up fraction.</summary>
    public static bool HasWarmup(ScheduleKind kind) => HasCooldown(kind) && kind is not (ScheduleKind.Ramp or ScheduleKind.InverseCosine)
        || kind is ScheduleKind.Linear or ScheduleKind.Polynomial or ScheduleKind.Cosine or ScheduleKind.CosineAnnealing;

    /// <summary>True for shapes that fall to zero over the cool-down fraction.</summary>
    public static bool HasCooldown(ScheduleKind kind) =>
        kind is ScheduleKind.Constant or ScheduleKind.InverseSqrt or ScheduleKind.Ramp or ScheduleKind.InverseCosine;

    private static double OneCycle(double x) => x <= 0.5 ? 2 * x : 2 - 2 * x;

    /// <summary>A shape up to 1 - c, then a line from its value there to zero.</summary>
    private static double CoolDown(Func<double, double> shape, double x, double c) => x <= 1 - c ? shape(x) : shape(1 - c) * (1 - x) / c;
}
