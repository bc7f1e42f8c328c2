using System.Diagnostics;
using System.Net;
using CramGrains.Silo.Devices;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace CramGrains.Silo.Hosting;

/// <summary>What a silo publishes of its machine for as long as it lives: how to reach it, and its GPU. What changes (busy, healthy) is reported to the scheduler instead.</summary>
internal static class MachineMetadata
{
    public const string GatewayKey = "cram.gateway";
    public const string HttpKey = "cram.http";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly string[] GpuFields = ["uuid", "name", "memory.total", "compute_cap"];

    /// <param name="silo">What this silo is.</param>
    /// <param name="reachable">Where it listens; null in tests that have no sockets.</param>
    public static Dictionary<string, string> Of(SiloOptions silo, SiloDescription? reachable)
    {
        var metadata = new Dictionary<string, string> { [PinToMachineDirector.MachineKey] = silo.Machine };
        if (reachable is not null)
        {
            var address = IPAddress.Parse(reachable.GatewayAddress);
            metadata[GatewayKey] = new IPEndPoint(address, reachable.GatewayPort).ToString(); // with brackets around an IPv6 address, as URLs and Prometheus want it
            metadata[HttpKey] = new IPEndPoint(address, reachable.HttpPort).ToString();
        }

        // One GPU of a machine is the rule; of several, the first stands for the machine and all are reported as devices.
        if (silo.Devices == "auto" && reachable is not null && FirstGpu() is { } gpu)
        {
            foreach (var (field, value) in GpuFields.Zip(gpu))
            {
                metadata[$"cram.gpu.{field}"] = value;
            }
        }

        return metadata;
    }

    /// <summary>The members of the cluster that are active, of each machine its newest silo.</summary>
    public static IReadOnlyList<(string Machine, string Gateway, string Http)> Members(IClusterMembershipService membership, ISiloMetadataCache cache) =>
    [
        .. from member in membership.CurrentSnapshot.Members.Values
           where member.Status == SiloStatus.Active
           let metadata = cache.GetSiloMetadata(member.SiloAddress).Metadata
           where metadata.ContainsKey(PinToMachineDirector.MachineKey) && metadata.ContainsKey(HttpKey)
           group (member, metadata) by metadata[PinToMachineDirector.MachineKey] into machine
           orderby machine.Key
           let newest = machine.MaxBy(m => m.member.SiloAddress.Generation).metadata
           select (machine.Key, newest[GatewayKey], newest[HttpKey]),
    ];

    private static string[]? FirstGpu()
    {
        try
        {
            using Process? smi = Process.Start(new ProcessStartInfo("nvidia-smi", [$"--query-gpu={string.Join(',', GpuFields)}", "--format=csv,noheader,nounits"])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            });
            if (smi is null)
            {
                return null;
            }

            Task<string> output = smi.StandardOutput.ReadToEndAsync();
            if (!smi.WaitForExit(Patience))
            {
                smi.Kill();
                return null;
            }

            string[] fields = output.GetAwaiter().GetResult().Split('\n')[0].Split(',', StringSplitOptions.TrimEntries);
            return smi.ExitCode == 0 && fields.Length == GpuFields.Length ? fields : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null; // no such program: no NVIDIA driver
        }
    }
}
