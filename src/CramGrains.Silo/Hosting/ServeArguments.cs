using System.Globalization;
using System.Text.RegularExpressions;

namespace CramGrains.Silo.Hosting;

/// <summary>The command line of <c>serve</c>.</summary>
internal sealed partial record ServeArguments(SiloOptions Silo, int SiloPort, int GatewayPort, int HttpPort)
{
    public const string Usage =
        "CramGrains.Silo serve --home DIR [--silo-port N] [--gateway-port N] [--http-port N] [--machine NAME] [--devices auto|cpu|cpu:N|none]\n" +
        "  Ports default to 0, which takes a free one; silo.json in the home folder names them.";

    /// <exception cref="StartupException">Something on the command line is unknown, missing or out of range.</exception>
    public static ServeArguments Parse(IReadOnlyList<string> arguments)
    {
        var silo = new SiloOptions { Machine = DefaultMachine() };
        (int siloPort, int gatewayPort, int httpPort) = (0, 0, 0);
        for (int i = 0; i < arguments.Count; i += 2)
        {
            string option = arguments[i];
            string value = i + 1 < arguments.Count ? arguments[i + 1] : throw new StartupException($"{option} needs a value.\n{Usage}");
            switch (option)
            {
                case "--home": silo.Home = Path.GetFullPath(value); break;
                case "--machine": silo.Machine = value; break;
                case "--devices": silo.Devices = value; break;
                case "--silo-port": siloPort = Port(option, value); break;
                case "--gateway-port": gatewayPort = Port(option, value); break;
                case "--http-port": httpPort = Port(option, value); break;
                default: throw new StartupException($"unknown option {option}.\n{Usage}");
            }
        }

        return silo.Home.Length > 0 ? new ServeArguments(silo, siloPort, gatewayPort, httpPort) : throw new StartupException($"--home DIR is needed.\n{Usage}");
    }

    private static int Port(string option, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= 65535
            ? port
            : throw new StartupException($"{option} must be a port from 0 to 65535, got '{value}'.");

    /// <summary>The host name, with characters that a device id cannot hold replaced.</summary>
    private static string DefaultMachine()
    {
        string name = OtherCharacters().Replace(Environment.MachineName, "-").Trim('-', '.', '_');
        return name.Length == 0 ? "machine" : name[..Math.Min(name.Length, 63)];
    }

    [GeneratedRegex("[^A-Za-z0-9._-]")]
    private static partial Regex OtherCharacters();
}
