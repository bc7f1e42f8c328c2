using System.Text;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Writes two small GLUE tasks in the official layout; always the same rows.</summary>
internal static class SampleGlue
{
    private static readonly string[] Words = ["sailor", "doctor", "judge", "baker", "finds", "paints", "boat", "letter", "river", "storm", "morning", "road"];

    /// <summary>Writes CoLA and MRPC below the folder.</summary>
    public static string Write(string folder, int trainRows, int devRows)
    {
        var random = new Random(11);
        string glue = Path.Combine(folder, "glue");
        Cola("train.tsv", trainRows);
        Cola("dev.tsv", devRows);
        Mrpc("train.tsv", trainRows);
        Mrpc("dev.tsv", devRows);
        return glue;

        void Cola(string file, int rows) => Save("CoLA", file, null, rows, row => $"gj04\t{row % 2}\t\t{Sentence()}");

        void Mrpc(string file, int rows) => Save("MRPC", file, "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", rows, row => $"{row % 2}\t{row}\t{row + rows}\t{Sentence()}\t{Sentence()}");

        void Save(string task, string file, string? header, int rows, Func<int, string> line)
        {
            var text = new StringBuilder(header is null ? "" : header + "\n");
            for (int row = 0; row < rows; row++)
            {
                text.Append(line(row)).Append('\n');
            }

            Directory.CreateDirectory(Path.Combine(glue, task));
            File.WriteAllText(Path.Combine(glue, task, file), text.ToString());
        }

        string Sentence() => string.Join(' ', Enumerable.Range(0, 6).Select(_ => Words[random.Next(Words.Length)])) + " .";
    }
}
