using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram data glue</c>: fetches the nine GLUE tasks and counts their examples.</summary>
internal static class DataGlueCommand
{
    /// <summary>The command.</summary>
    /// <param name="corpora">The folder of corpora, in which downloads are kept.</param>
    public static Command Create(string corpora)
    {
        var folder = new Argument<string>("FOLDER") { Description = "Receives CoLA, SST-2 and so on, for --glue." };
        var from = new Option<Uri?>("--from") { Description = "Address under which all files lie beside each other; the official addresses unless given.", CustomParser = Address };
        var cache = new Option<string>("--cache") { Description = "Where downloads are kept.", DefaultValueFactory = _ => Path.Combine(corpora, ".downloads") };
        var json = new Option<bool>("--json") { Description = "Print one JSON object on standard output." };
        var command = new Command("glue", "Fetches the nine GLUE tasks. Example: cram data glue ~/glue") { folder, from, cache, json };
        command.SetAction(parsed =>
        {
            using var stop = new ConsoleStop();
            var options = DownloadSettings.FromEnvironment() with { CacheFolder = parsed.GetRequiredValue(cache) };
            var files = GlueDownload.Run(parsed.GetRequiredValue(folder), parsed.GetValue(from), options, new ProgressLine(), stop.Token);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(files, RecipeJson.Options));
                return 0;
            }

            foreach (var file in files)
            {
                Console.WriteLine($"{file.Task,-6} {file.File,-20} {file.Rows,9:N0} examples, as in the official file");
            }

            return 0;
        });
        return command;
    }

    /// <summary>An HTTP(S) address of a folder, with the slash at its end that file names are appended to.</summary>
    private static Uri? Address(ArgumentResult given)
    {
        var text = given.Tokens[0].Value;
        if (Uri.TryCreate(text.EndsWith('/') ? text : text + "/", UriKind.Absolute, out var address) && address.Scheme is ("http" or "https"))
        {
            return address;
        }

        given.AddError($"--from must be an http or https address, got '{text}'. Example: --from https://example.org/glue/");
        return null;
    }
}
