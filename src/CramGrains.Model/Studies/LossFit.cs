namespace CramGrains.Model.Studies;

/// <summary>A point of a ladder.</summary>
/// <param name="Budget">How much was spent: seconds, tokens or operations, above 0.</param>
/// <param name="Loss">What it bought, nats.</param>
public readonly record struct LadderPoint(double Budget, double Loss);

/// <summary>Forms of a fit.</summary>
public enum LossFitForm
{
    /// <summary>L = a + b t^-c, least squares; needs four budgets, and losses that level off.</summary>
    PowerLaw = 1,

    /// <summary>L = a + b ln t, least squares: a line through what is there, that falls for ever and says nothing far out.</summary>
    LogLinear = 2,
}

/// <summary>How the held-out loss falls with the budget.</summary>
/// <param name="Form">Which form.</param>
/// <param name="A">Nats: what no budget takes away (power law), or the loss at budget 1.</param>
/// <param name="B">Nats.</param>
/// <param name="C">Exponent; 0 in the log-linear form.</param>
/// <param name="Residuals">Measured less fitted loss at each point, nats, in the order of the points.</param>
public sealed record LossFit(LossFitForm Form, double A, double B, double C, IReadOnlyList<double> Residuals)
{
    private const double LeastExponent = 0.005, LargestExponent = 3, EndOfSearch = 1.01;

    /// <summary>The fitted loss at a budget.</summary>
    public double At(double budget) => Form == LossFitForm.PowerLaw ? A + (B * Math.Pow(budget, -C)) : A + (B * Math.Log(budget));

    /// <summary>Fits a ladder: a power law from four different budgets on where the losses level off, else a line over the logarithm; null for fewer than two.</summary>
    /// <param name="points">The ladder; several points of one budget are all counted.</param>
    public static LossFit? Of(IReadOnlyList<LadderPoint> points)
    {
        ArgumentNullException.ThrowIfNull(points);
        int budgets = points.Select(point => point.Budget).Distinct().Count();
        if (budgets < 2)
        {
            return null;
        }

        if (budgets < 4)
        {
            return OverLogarithm(points);
        }

        // Budgets are measured in their geometric mean, so that t^-c neither vanishes nor grows out of proportion while c is sought.
        double unit = Math.Exp(points.Average(point => Math.Log(point.Budget)));
        double exponent = BestExponent(c => Line(points, t => Math.Pow(t / unit, -c)).Error);
        if (exponent < LeastExponent * EndOfSearch)
        {
            return OverLogarithm(points); // which a power law becomes as its exponent falls, with a level far below zero
        }

        var (level, slope, _) = Line(points, t => Math.Pow(t / unit, -exponent));
        return WithResiduals(new(LossFitForm.PowerLaw, level, slope * Math.Pow(unit, exponent), exponent, []), points);
    }

    private static LossFit OverLogarithm(IReadOnlyList<LadderPoint> points)
    {
        var (a, b, _) = Line(points, Math.Log);
        return WithResiduals(new(LossFitForm.LogLinear, a, b, 0, []), points);
    }

    private static LossFit WithResiduals(LossFit fit, IReadOnlyList<LadderPoint> points) =>
        fit with { Residuals = [.. points.Select(point => point.Loss - fit.At(point.Budget))] };

    /// <summary>For a given exponent the rest is linear; the exponent itself is sought on a grid, then by golden section around the best.</summary>
    private static double BestExponent(Func<double, double> error)
    {
        const int Steps = 400;
        double ratio = Math.Pow(LargestExponent / LeastExponent, 1.0 / Steps);
        double best = Enumerable.Range(0, Steps + 1).Select(i => LeastExponent * Math.Pow(ratio, i)).MinBy(error);
        double low = Math.Max(LeastExponent, best / ratio), high = Math.Min(LargestExponent, best * ratio), golden = (Math.Sqrt(5) - 1) / 2;
        for (int i = 0; i < 80; i++)
        {
            double left = high - (golden * (high - low)), right = low + (golden * (high - low));
            (low, high) = error(left) < error(right) ? (low, right) : (left, high);
        }

        return (low + high) / 2;
    }

    /// <summary>Least squares of L = a + b f(t), with the sum of squared errors.</summary>
    private static (double A, double B, double Error) Line(IReadOnlyList<LadderPoint> points, Func<double, double> f)
    {
        double[] x = [.. points.Select(point => f(point.Budget))];
        double meanX = x.Average(), meanY = points.Average(point => point.Loss);
        double covariance = 0, variance = 0;
        foreach (var (i, point) in points.Index())
        {
            covariance += (x[i] - meanX) * (point.Loss - meanY);
            variance += (x[i] - meanX) * (x[i] - meanX);
        }

        double b = covariance / variance, a = meanY - (b * meanX), error = 0;
        foreach (var (i, point) in points.Index())
        {
            double off = point.Loss - a - (b * x[i]);
            error += off * off;
        }

        return (a, b, error);
    }
}
