using System.Globalization;
using System.Security;
using System.Text;

namespace CramGrains.Model.Data;

/// <summary>Draws a corpus: tokens by their length in characters, and the most frequent tokens. Plain SVG, no fonts or scripts to load.</summary>
public static class CorpusChart
{
    private const int Width = 960, PanelHeight = 260, Left = 70, Top = 50;

    /// <summary>The chart as an SVG document.</summary>
    public static string Svg(CorpusManifest manifest, CorpusStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(statistics);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{2 * (PanelHeight + 90)}\" font-family=\"sans-serif\" font-size=\"11\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        var lengths = statistics.TokenLengthHistogram.Index().Skip(1).Take(24).Select(pair => (pair.Index.ToString(CultureInfo.InvariantCulture), pair.Item)).ToList();
        Panel(svg, 0, $"Corpus {manifest.Digest[..12]}: tokens by length in characters", lengths);
        Panel(svg, PanelHeight + 90, "Most frequent tokens", [.. statistics.TopTokens.Take(30).Select(token => (token.Token, token.Count))]);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, int y, string title, List<(string Label, long Count)> bars)
    {
        var most = Math.Max(1, bars.Count == 0 ? 1 : bars.Max(bar => bar.Count));
        var step = (double)(Width - Left - 20) / Math.Max(1, bars.Count);
        var floor = y + Top + PanelHeight - 20;
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"{y + 28}\" font-size=\"15\">{SecurityElement.Escape(title)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 6}\" y=\"{y + Top + 8}\" text-anchor=\"end\">{most:N0}</text>\n");
        foreach (var (index, bar) in bars.Index())
        {
            var height = (PanelHeight - 20) * (double)bar.Count / most;
            var x = Left + (index * step);
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x:F1}\" y=\"{floor - height:F1}\" width=\"{step * 0.8:F1}\" height=\"{height:F1}\" fill=\"#3b6ea5\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + (step * 0.4):F1}\" y=\"{floor + 14}\" text-anchor=\"middle\">{SecurityElement.Escape(bar.Label)}</text>\n");
        }
    }
}
