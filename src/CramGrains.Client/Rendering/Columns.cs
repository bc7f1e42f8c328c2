using Spectre.Console;

namespace CramGrains.Client.Rendering;

/// <summary>A table for a person, tab-separated lines for a pipe.</summary>
internal static class Columns
{
    /// <summary>Whether a person looks at standard output.</summary>
    public static bool PersonLooks => !Console.IsOutputRedirected && AnsiConsole.Profile.Out.IsTerminal;

    /// <summary>Prints rows under their headers.</summary>
    public static void Print(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows)
    {
        if (!PersonLooks)
        {
            Console.Out.WriteLine(string.Join('\t', headers).ToLowerInvariant());
            foreach (var row in rows)
            {
                Console.Out.WriteLine(string.Join('\t', row));
            }

            return;
        }

        var table = new Table().Border(TableBorder.Rounded);
        foreach (var header in headers)
        {
            table.AddColumn(new TableColumn(new Text(header, new Style(decoration: Decoration.Bold))));
        }

        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }

        AnsiConsole.Write(table);
    }

    /// <summary>Prints names and what they are, a pair a line; nulls are left out.</summary>
    public static void Print(IEnumerable<(string Name, string? Value)> pairs)
    {
        var shown = pairs.Where(pair => pair.Value is { Length: > 0 }).ToList();
        var width = shown.Max(pair => pair.Name.Length);
        foreach (var (name, value) in shown)
        {
            Console.Out.WriteLine($"{name.PadRight(width)}  {value}");
        }
    }
}
