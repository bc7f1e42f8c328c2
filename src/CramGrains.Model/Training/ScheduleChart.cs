using System.Globalization;
using System.Security;
using System.Text;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Training;

/// <summary>One thing that changes over a run, sampled evenly.</summary>
/// <param name="Title">What it is.</param>
/// <param name="Axis">What the run's progress is a fraction of.</param>
/// <param name="Values">At x = 0, 1/n, ..., 1.</param>
public sealed record ScheduleCurve(string Title, string Axis, IReadOnlyList<double> Values);

/// <summary>Draws schedules. Plain SVG, no fonts or scripts to load.</summary>
public static class ScheduleChart
{
    private const int Samples = 800, Columns = 3, PanelWidth = 320, PanelHeight = 200, Left = 56, Top = 34, Bottom = 36, Right = 14;
    private const string Budget = "fraction of the budget";

    /// <summary>Every shape of the learning rate, with a warm-up and a cool-down of a tenth where it takes them.</summary>
    public static IReadOnlyList<ScheduleCurve> AllShapes() => [.. Enum.GetValues<ScheduleKind>().Select(kind =>
    {
        var schedule = new ScheduleRecipe(kind, Schedules.HasWarmup(kind) ? 0.1 : 0, Schedules.HasCooldown(kind) ? 0.1 : 0);
        return Curve(Name(kind), Budget, x => Schedules.LearningRateFactor(schedule, x));
    })];

    /// <summary>Learning rate, rows of a batch and mask fraction over a run of a recipe.</summary>
    public static IReadOnlyList<ScheduleCurve> OfRecipe(Recipe recipe)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        var training = recipe.Training;
        var (schedule, peak) = (training.Schedule, training.Optimizer.LearningRate);
        return
        [
            Curve($"learning rate, {Name(schedule.Kind)}", Axis(schedule.Steps), x => peak * Schedules.LearningRateFactor(schedule, x)),
            Curve("rows of a batch", Axis(training.BatchRampSteps), x => Schedules.BatchSize(training, x, (long)(x * (training.BatchRampSteps ?? 0)))),
            Curve("masked fraction", Budget, x => Schedules.MaskFraction(training, x)),
        ];

        static string Axis(long? steps) => steps is { } count ? string.Create(CultureInfo.InvariantCulture, $"fraction of {count:N0} microbatch steps") : Budget;
    }

    /// <summary>The chart as an SVG document, three panels in a row.</summary>
    public static string Svg(string title, IReadOnlyList<ScheduleCurve> curves)
    {
        ArgumentNullException.ThrowIfNull(curves);
        int rows = (curves.Count + Columns - 1) / Columns, width = Columns * PanelWidth;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{(rows * PanelHeight) + 40}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"14\" y=\"26\" font-size=\"16\">{SecurityElement.Escape(title)}</text>\n");
        foreach (var (index, curve) in curves.Index())
        {
            Panel(svg, index % Columns * PanelWidth, 40 + (index / Columns * PanelHeight), curve);
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static ScheduleCurve Curve(string title, string axis, Func<double, double> value) =>
        new(title, axis, [.. Enumerable.Range(0, Samples + 1).Select(i => value((double)i / Samples))]);

    private static void Panel(StringBuilder svg, int x, int y, ScheduleCurve curve)
    {
        double most = curve.Values.Max() is > 0 and var largest ? largest : 1;
        double left = x + Left, wide = PanelWidth - Left - Right, floor = y + PanelHeight - Bottom, high = PanelHeight - Top - Bottom;
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left}\" y=\"{y + 22}\" font-size=\"13\">{SecurityElement.Escape(curve.Title)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{left} {y + Top}V{floor}H{left + wide}\" fill=\"none\" stroke=\"#888\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left - 5}\" y=\"{y + Top + 8}\" text-anchor=\"end\">{most:G4}</text><text x=\"{left - 5}\" y=\"{floor}\" text-anchor=\"end\">0</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{left + wide}\" y=\"{floor + 14}\" text-anchor=\"end\">1</text><text x=\"{left + (wide / 2)}\" y=\"{floor + 14}\" text-anchor=\"middle\">{SecurityElement.Escape(curve.Axis)}</text>\n");
        svg.Append("<polyline fill=\"none\" stroke=\"#3b6ea5\" stroke-width=\"1.5\" points=\"");
        foreach (var (index, value) in curve.Values.Index())
        {
            svg.Append(CultureInfo.InvariantCulture, $"{left + (wide * index / (curve.Values.Count - 1)):F1},{floor - (high * value / most):F1} ");
        }

        svg.Append("\"/>\n");
    }

    private static string Name(ScheduleKind kind) => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(kind.ToString());
}
