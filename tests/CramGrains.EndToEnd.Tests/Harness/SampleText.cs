using System.Text;

namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>Writes English-like text with enough regularity that a tiny model learns from it in seconds; always the same text.</summary>
internal static class SampleText
{
    private static readonly string[] Subjects = ["the old sailor", "a young doctor", "the red fox", "my neighbour", "the quiet student", "an honest judge", "the baker", "her brother"];
    private static readonly string[] Verbs = ["carries", "watches", "finds", "remembers", "paints", "repairs", "follows", "describes"];
    private static readonly string[] Objects = ["a wooden boat", "the long letter", "an empty house", "two small birds", "the broken clock", "a narrow road", "the first train", "some warm bread"];
    private static readonly string[] Ends = ["in the morning", "before the storm", "near the river", "without a word", "every summer", "behind the church", "after the meeting", "with great care"];

    /// <summary>Writes documents of twelve sentences each until the file has the size.</summary>
    public static string Write(string folder, int bytes)
    {
        var random = new Random(7);
        var text = new StringBuilder();
        while (text.Length < bytes)
        {
            for (var sentence = 0; sentence < 12; sentence++)
            {
                text.Append(Pick(Subjects)).Append(' ').Append(Pick(Verbs)).Append(' ').Append(Pick(Objects)).Append(' ').Append(Pick(Ends)).Append(". ");
            }

            text.Append("\n\n");
        }

        var path = Path.Combine(folder, "sample.txt");
        File.WriteAllText(path, text.ToString());
        return path;

        string Pick(string[] words) => words[random.Next(words.Length)];
    }
}
