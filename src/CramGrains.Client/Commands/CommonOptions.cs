using System.CommandLine;
using CramGrains.Client.Connection;

namespace CramGrains.Client.Commands;

/// <summary>Options that every command has.</summary>
internal static class CommonOptions
{
    /// <summary>The home folder.</summary>
    public static Option<string> Home { get; } = new("--home")
    {
        Description = "Home folder of this machine's silo. Default: $CRAM_HOME, else ~/.cramgrains.",
        HelpName = "DIR",
        Recursive = true,
    };

    static CommonOptions() => Home.Validators.Add(given => given.RefuseBlank("--home", "Give a folder."));

    /// <summary>Silos elsewhere.</summary>
    public static Option<string> Cluster { get; } = new("--cluster")
    {
        Description = "HTTP addresses of silos of a cluster, one is enough. Default: $CRAM_CLUSTER, else cluster of the client's settings, else the silo that serves the home folder.",
        HelpName = "HOST:PORT[,HOST:PORT]",
        Recursive = true,
    };

    /// <summary>Machine-readable output.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "Print one JSON document on standard output and nothing else there.", Recursive = true };

    /// <summary>Which cluster the command is for.</summary>
    public static ClusterTarget Target(this ParseResult parsed)
    {
        var address = parsed.GetValue(Cluster) ?? Environment.GetEnvironmentVariable("CRAM_CLUSTER");
        if (string.IsNullOrEmpty(address) && parsed.GetValue(Home) is null && ClientSettings.Load().Cluster is { Count: > 0 } known)
        {
            address = string.Join(',', known);
        }

        return new ClusterTarget(Path.GetFullPath(parsed.GetValue(Home) ?? ClusterTarget.DefaultHome), string.IsNullOrEmpty(address) ? null : address);
    }

    /// <summary>Refuses what a script's empty variable leaves of an argument.</summary>
    public static void RefuseBlank(this System.CommandLine.Parsing.SymbolResult given, string name, string advice)
    {
        if (given.Tokens.Any(token => string.IsNullOrWhiteSpace(token.Value)))
        {
            given.AddError($"{name} is empty. {advice}");
        }
    }

    /// <summary>Whether JSON is wanted.</summary>
    public static bool WantsJson(this ParseResult parsed) => parsed.GetValue(Json);
}
