namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>Writes a small GLUE folder in the official layout: CoLA and MRPC, with rows that the files of those tasks could hold.</summary>
internal static class SampleGlue
{
    private const string MrpcHeader = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String";

    /// <summary>Writes both tasks.</summary>
    /// <returns>The folder to give as <c>--glue</c>.</returns>
    public static string Write(string folder)
    {
        var glue = Path.Combine(folder, "glue");
        foreach (var (split, rows) in new[] { ("train", 64), ("dev", 32) })
        {
            WriteLines(Path.Combine(glue, "CoLA", split + ".tsv"), Enumerable.Range(0, rows).Select(Cola));
            WriteLines(Path.Combine(glue, "MRPC", split + ".tsv"), Enumerable.Range(0, rows).Select(Mrpc).Prepend(MrpcHeader));
        }

        return glue;
    }

    private static string Cola(int row) => row % 2 == 0 ? $"gj04\t1\t\tThe baker finds {row} letters." : $"gj04\t0\t*\tFinds letters {row} the baker the.";

    private static string Mrpc(int row) => row % 2 == 0
        ? $"1\t{row}\t{row + 1}\tThe young doctor paints boat {row}.\tBoat {row} is painted by the young doctor."
        : $"0\t{row}\t{row + 1}\tThe young doctor paints boat {row}.\tHer brother follows a narrow road.";

    private static void WriteLines(string path, IEnumerable<string> lines)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllLines(path, lines);
    }
}
