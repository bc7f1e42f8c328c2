using System.CommandLine;
using CramGrains.Client.Connection;

namespace CramGrains.Client.Commands;

/// <summary>Commands that need the training library and no cluster: handed to the silo's program as they are, since this process never loads torch.</summary>
internal static class LocalVerbs
{
    private static readonly (string Name, string Description)[] Verbs =
    [
        ("data", "Prepares, lists, shows, verifies and exports corpora."),
        ("estimate", "Says what a recipe costs: parameters, FLOPs, tokens in the budget, memory."),
        ("schedules", "Draws learning rate, batch and masking of a recipe, or every schedule, as SVG."),
        ("pretrain", "Pretrains a recipe on this machine, without a cluster."),
        ("study", "Runs recipes at equal budgets on this machine and compares them: held-out loss, GLUE, ablations, a ladder of budgets."),
        ("glue", "Fine-tunes and scores models on GLUE on this machine; submit and check zips for the test server."),
        ("fill-mask", "Fills [MASK] in texts with a run or another model."),
        ("predict", "Answers texts with a fine-tuned model."),
        ("export", "Writes a trained model as a folder that Hugging Face transformers opens."),
        ("bench", "Measures pretraining on this machine's device: tokens/s, MFU, optimizer step, memory."),
    ];

    /// <summary>Commands for the list that help shows; <see cref="TryRunAsync"/> has taken their calls before they are parsed.</summary>
    public static IEnumerable<Command> Create() => Verbs.Select(verb => new Command(verb.Name, verb.Description));

    /// <summary>Runs the verb in the silo's program, help included; null when the line names none. The options of all commands may stand before it.</summary>
    /// <exception cref="CommandException">They name a cluster, which no such verb asks.</exception>
    public static async Task<int?> TryRunAsync(string[] arguments)
    {
        var (verb, home, json) = (0, (string?)null, false);
        string? cluster = null;
        for (; verb < arguments.Length && arguments[verb].StartsWith('-'); verb++)
        {
            string[] parts = arguments[verb].Split('=', 2);
            if (parts[0] == CommonOptions.Json.Name && parts.Length == 1)
            {
                json = true;
            }
            else if ((parts[0] == CommonOptions.Home.Name || parts[0] == CommonOptions.Cluster.Name) && (parts.Length == 2 || ++verb < arguments.Length))
            {
                string value = parts.Length == 2 ? parts[1] : arguments[verb];
                (home, cluster) = parts[0] == CommonOptions.Home.Name ? (value, cluster) : (home, value);
            }
            else
            {
                return null; // for the parser of the whole line
            }
        }

        if (verb == arguments.Length || Verbs.All(known => known.Name != arguments[verb]))
        {
            return null;
        }

        if (cluster is not null)
        {
            throw new CommandException(ExitCodes.Usage, $"{arguments[verb]} runs on this machine and asks no cluster. Leave {CommonOptions.Cluster.Name} out.");
        }

        if (home is not null)
        {
            Environment.SetEnvironmentVariable("CRAM_HOME", Path.GetFullPath(home)); // inherited; not every verb has an option for it
        }

        string[] rest = arguments[verb..];
        int end = Array.IndexOf(rest, "--") is >= 0 and var escape ? escape : rest.Length;
        return await SiloProgram.RunAsync([.. rest[..end], .. json ? [CommonOptions.Json.Name] : (string[])[], .. rest[end..]]);
    }
}
