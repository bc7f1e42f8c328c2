using System.Globalization;

namespace CramGrains.Silo.Hosting;

/// <summary>What <c>serve</c> was told: its command line, which wins, on top of its settings.</summary>
internal sealed record ServeArguments(
    SiloOptions Silo, ClusterMemberOptions Cluster, int SiloPort, int GatewayPort, int HttpPort, IConfigurationRoot Configuration, string? Log = null)
{
    public const string Usage =
        "CramGrains.Silo serve --home DIR [--config FILE] [--silo-port N] [--gateway-port N] [--http-port N] [--machine NAME] [--devices auto|cpu|cpu:N|none] [--log FILE]\n" +
        "  --config names a JSON file with settings (deploy/README.md); environment variables such as cram__cluster__redis win over it, the command line over both.\n" +
        "  Ports default to 0, which takes a free one; silo.json in the home folder names them.\n" +
        "  --log cuts the silo loose from its terminal and sends what it prints to a file.";

    private static readonly string[] Options = ["--home", "--config", "--silo-port", "--gateway-port", "--http-port", "--machine", "--devices", "--log"];

    /// <exception cref="StartupException">Something on the command line or in the settings is unknown, missing or out of range.</exception>
    public static ServeArguments Parse(IReadOnlyList<string> arguments)
    {
        Dictionary<string, string> given = Read(arguments);
        string? config = given.GetValueOrDefault("--config");
        IConfigurationRoot configuration = ServeConfiguration.Load(config is null ? [] : [config]);
        var silo = ServeConfiguration.Bind(configuration, "silo", new SiloOptions());
        silo.Home = given.GetValueOrDefault("--home", silo.Home);
        if (silo.Home.Length == 0)
        {
            throw new StartupException($"--home DIR is needed, or cram:silo:Home in the settings.\n{Usage}");
        }

        silo.Home = Path.GetFullPath(silo.Home);
        string ofHome = Path.Combine(silo.Home, HomeFolder.SettingsName);
        if (File.Exists(ofHome))
        {
            configuration = ServeConfiguration.Load(config is null ? [ofHome] : [ofHome, config]);
            string home = silo.Home;
            silo = ServeConfiguration.Bind(configuration, "silo", new SiloOptions());
            silo.Home = home;
        }

        var cluster = ServeConfiguration.Bind(configuration, "cluster", new ClusterMemberOptions());
        silo.Machine = given.TryGetValue("--machine", out string? machine) ? machine
            : silo.Machine.Length > 0 ? silo.Machine
            : cluster.IsMember ? MachineName.OfHost() : MachineName.Of(silo.Home);
        silo.Devices = given.GetValueOrDefault("--devices", silo.Devices);
        ServeConfiguration.CheckValues(configuration, silo, cluster);
        return new ServeArguments(
            silo, cluster, Port(given, "--silo-port", silo.SiloPort), Port(given, "--gateway-port", silo.GatewayPort), Port(given, "--http-port", silo.HttpPort),
            configuration, given.TryGetValue("--log", out string? log) ? Path.GetFullPath(log) : null);
    }

    private static Dictionary<string, string> Read(IReadOnlyList<string> arguments)
    {
        var given = new Dictionary<string, string>();
        for (int i = 0; i < arguments.Count; i += 2)
        {
            string option = arguments[i];
            if (!Options.Contains(option))
            {
                throw new StartupException($"unknown option {option}.\n{Usage}");
            }

            given[option] = i + 1 < arguments.Count ? arguments[i + 1] : throw new StartupException($"{option} needs a value.\n{Usage}");
        }

        return given;
    }

    private static int Port(Dictionary<string, string> given, string option, int setting) =>
        !given.TryGetValue(option, out string? value) ? setting
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= 65535 ? port
        : throw new StartupException($"{option} must be a port from 0 to 65535, got '{value}'.");
}
