using System.Diagnostics;
using System.Globalization;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>A network of our own on this machine: a bridge, and for each machine a namespace with a cable that can be pulled.</summary>
internal sealed class NetworkNamespaces : IDisposable
{
    private readonly string _name;
    private readonly string _prefix;
    private readonly List<string> _machines = [];

    private NetworkNamespaces(string name, string prefix) => (_name, _prefix) = (name, prefix);

    /// <summary>Address of this machine on the bridge; Redis and clients are there.</summary>
    public string Host => $"{_prefix}.1";

    /// <summary>Makes the bridge; skips the test where that is not permitted.</summary>
    public static NetworkNamespaces Create()
    {
        int number = Environment.ProcessId % 250;
        var network = new NetworkNamespaces($"cram{number}", string.Create(CultureInfo.InvariantCulture, $"10.77.{number}"));
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && TryIp($"link add {network._name}b type bridge"), "network namespaces need root (CAP_NET_ADMIN) and the ip program");
        Ip($"addr add {network.Host}/24 dev {network._name}b");
        Ip($"link set {network._name}b up");
        return network;
    }

    /// <summary>Adds a machine.</summary>
    /// <returns>Its address, and what a command line must begin with to run there.</returns>
    public (string Address, IReadOnlyList<string> Within) Add(string machine)
    {
        string space = $"{_name}-{machine}", address = string.Create(CultureInfo.InvariantCulture, $"{_prefix}.{_machines.Count + 10}");
        _machines.Add(machine);
        Ip($"netns add {space}");
        Ip($"link add {Cable(machine)} type veth peer name eth0 netns {space}");
        Ip($"link set {Cable(machine)} master {_name}b");
        Ip($"link set {Cable(machine)} up");
        Ip($"-n {space} addr add {address}/24 dev eth0");
        Ip($"-n {space} link set eth0 up");
        Ip($"-n {space} link set lo up");
        return (address, ["ip", "netns", "exec", space]);
    }

    /// <summary>Pulls a machine's cable: it reaches nobody, nobody reaches it, and nothing is refused.</summary>
    public void Isolate(string machine) => Ip($"link set {Cable(machine)} down");

    /// <summary>Puts it back.</summary>
    public void Heal(string machine) => Ip($"link set {Cable(machine)} up");

    public void Dispose()
    {
        foreach (string machine in _machines)
        {
            TryIp($"netns del {_name}-{machine}");
        }

        TryIp($"link del {_name}b");
    }

    private string Cable(string machine) => $"{_name}{machine}";

    private static void Ip(string arguments) => Assert.True(TryIp(arguments), $"ip {arguments} failed.");

    private static bool TryIp(string arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
