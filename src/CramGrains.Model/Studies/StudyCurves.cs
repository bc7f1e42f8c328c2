using System.Globalization;
using System.Security;
using System.Text;

namespace CramGrains.Model.Studies;

/// <summary>Held-out loss along every pretraining of a study, as CSV and as a plain SVG.</summary>
public static class StudyCurves
{
    private const int Width = 960, Height = 560, Left = 70, Top = 50, Bottom = 50, Right = 260;

    private static readonly string[] Colours = ["#3b6ea5", "#c0504d", "#5d8a3a", "#8064a2", "#d08a2e", "#2a9d8f", "#7f7f7f", "#a0527d", "#4f6228", "#1f497d"];

    /// <summary>One line a measurement: variant, budget, seed, seconds, tokens, updates, held-out nats. Grids have their value beside the variant.</summary>
    public static string Csv(IEnumerable<StudyCellResult> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        var text = new StringBuilder("variant,budget,seed,seconds,tokens,updates,held_out_nats\n");
        foreach (var cell in cells)
        {
            foreach (var point in cell.Curve)
            {
                text.Append(CultureInfo.InvariantCulture, $"{Label(cell.Cell)},{cell.Cell.Budget},{cell.Cell.Seed},{point.Seconds:0.###},{point.Tokens},{point.Updates},{point.HeldOutNats:0.######}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>Loss over training tokens or seconds, one colour a variant, grids left out.</summary>
    /// <param name="title">Of the chart.</param>
    /// <param name="cells">What is drawn.</param>
    public static string Svg(string title, IReadOnlyList<StudyCellResult> cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        var drawn = cells.Where(cell => cell.Cell.Part != StudyPart.Grid && cell.Curve.Count > 1).ToList();
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{Height}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"28\" font-size=\"16\">{SecurityElement.Escape(title)}: held-out loss in nats (15 % mask) over training seconds</text>\n");
        if (drawn.Count > 0)
        {
            Draw(svg, drawn);
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Draw(StringBuilder svg, IReadOnlyList<StudyCellResult> drawn)
    {
        double longest = Math.Max(1e-9, drawn.Max(cell => cell.Curve[^1].Seconds));
        double most = drawn.Max(cell => cell.Curve.Max(point => point.HeldOutNats)), least = drawn.Min(cell => cell.Curve.Min(point => point.HeldOutNats));
        double floor = Math.Floor(least * 2) / 2, range = Math.Max(0.5, (Math.Ceiling(most * 2) / 2) - floor), wide = Width - Left - Right, high = Height - Top - Bottom;
        double X(double seconds) => Left + (wide * seconds / longest);
        double Y(double nats) => Top + (high * (1 - ((nats - floor) / range)));
        svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{Left} {Top}V{Top + high}H{Left + wide}\" fill=\"none\" stroke=\"#888\"/>\n");
        for (double nats = floor; nats <= floor + range + 1e-9; nats += range > 5 ? 1 : 0.5)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<path d=\"M{Left} {Y(nats):F1}H{Left + wide}\" stroke=\"#eee\"/><text x=\"{Left - 6}\" y=\"{Y(nats) + 4:F1}\" text-anchor=\"end\">{nats:0.0}</text>\n");
        }

        for (int tick = 0; tick <= 4; tick++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(longest * tick / 4):F1}\" y=\"{Top + high + 18}\" text-anchor=\"middle\">{longest * tick / 4:G3} s</text>\n");
        }

        string[] labels = [.. drawn.Select(cell => cell.Cell.Label).Distinct()];
        foreach (var cell in drawn)
        {
            string colour = Colours[Array.IndexOf(labels, cell.Cell.Label) % Colours.Length];
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"");
            foreach (var point in cell.Curve)
            {
                svg.Append(CultureInfo.InvariantCulture, $"{X(point.Seconds):F1},{Y(point.HeldOutNats):F1} ");
            }

            svg.Append(CultureInfo.InvariantCulture, $"\"><title>{SecurityElement.Escape(cell.Cell.Name)}</title></polyline>\n");
        }

        foreach (var (index, label) in labels.Index())
        {
            int y = Top + 10 + (18 * index);
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left + wide + 20:F0}\" y=\"{y}\" width=\"12\" height=\"3\" fill=\"{Colours[index % Colours.Length]}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + wide + 38:F0}\" y=\"{y + 5}\">{SecurityElement.Escape(label)}</text>\n");
        }
    }

    private static string Label(StudyCell cell) => cell.GridValue is { } value ? $"{cell.Label} grid={StudyCell.Text(value)}" : cell.Label;
}
