using Spectre.Console;

namespace CramGrains.Client.Rendering;

/// <summary>A table for a person, tab-separated lines for a pipe and for a terminal in which a table would be illegible.</summary>
internal static class Columns
{
    /// <summary>Whether a person looks at standard output.</summary>
    public static bool PersonLooks => !Console.IsOutputRedirected && AnsiConsole.Profile.Out.IsTerminal;

    /// <summary>Prints rows under their headers.</summary>
    public static void Print(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<string[]> lines = [.. rows.Select(row => row.Select(OneLine).ToArray())];
        if (!PersonLooks || NarrowestTable(headers, lines) > AnsiConsole.Profile.Width)
        {
            Console.Out.WriteLine(string.Join('\t', headers).ToLowerInvariant());
            foreach (var line in lines)
            {
                Console.Out.WriteLine(string.Join('\t', line));
            }

            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        foreach (var header in headers)
        {
            var column = new TableColumn(new Text(header, new Style(decoration: Decoration.Bold)));
            table.AddColumn(table.Columns.Count == 0 ? column.NoWrap() : column); // the first names the row, and is copied from here
        }

        foreach (var line in lines)
        {
            table.AddRow(line.Select(cell => new Text(cell)));
        }

        AnsiConsole.Write(table);
    }

    /// <summary>Characters that a table takes with its first column whole and a few letters of every other; below that it would be cut, or not be shown at all.</summary>
    private static int NarrowestTable(IReadOnlyList<string> headers, List<string[]> lines) =>
        4 + (7 * (headers.Count - 1)) + lines.Select(line => line[0].Length).Append(headers[0].Length).Max();

    /// <summary>What users and systems wrote, without what would begin another line or column, or steer the terminal.</summary>
    private static string OneLine(string cell) => string.Concat(cell.Select(letter => char.IsControl(letter) ? ' ' : letter));

    /// <summary>Prints names and what they are, a pair a line; nulls are left out.</summary>
    public static void Print(IEnumerable<(string Name, string? Value)> pairs)
    {
        var shown = pairs.Where(pair => pair.Value is { Length: > 0 }).ToList();
        var width = shown.Max(pair => pair.Name.Length);
        foreach (var (name, value) in shown)
        {
            Console.Out.WriteLine($"{name.PadRight(width)}  {OneLine(value!)}");
        }
    }
}
