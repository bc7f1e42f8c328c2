using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Devices;

/// <summary>The devices of this machine, as they are reported: what was found at start, and how each of them is now.</summary>
/// <remarks>What is missing later was there once: it is reported as unhealthy, not forgotten, and is back as soon as the driver lists it again.</remarks>
internal sealed class DeviceInventory(IGpuProbe probe, HomeFolder home, IOptions<SiloOptions> silo, IOptions<DeviceOptions> options, SiloClock clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly Dictionary<string, DeviceHealth> _health = [];
    private IReadOnlyList<DeviceReport>? _found;
    private Task<IReadOnlyList<GpuReading>>? _reading;

    /// <summary>Looks again.</summary>
    /// <returns>Reports of all devices, and the readings behind those of GPUs.</returns>
    public async Task<(IReadOnlyList<DeviceReport> Reports, IReadOnlyList<GpuReading> Gpus)> LookAsync()
    {
        string machine = silo.Value.Machine, wanted = silo.Value.Devices;
        if (wanted != "auto")
        {
            return (_found ??= DeviceDiscovery.Fixed(machine, wanted), []);
        }

        (IReadOnlyList<GpuReading> gpus, string? problem) = await ReadAsync();
        if (_found is null)
        {
            if (problem is not null)
            {
                return ([new DeviceReport($"{machine}/gpu0", machine, DeviceReport.Cuda, "GPU", 0, Healthy: false, Message: problem), DeviceDiscovery.DataPlace(machine)], []);
            }

            _found = gpus.Count > 0 ? [.. gpus.Select(g => Report(machine, g)), DeviceDiscovery.DataPlace(machine)] : DeviceDiscovery.Fixed(machine, "cpu");
        }

        Dictionary<string, GpuReading> now = gpus.ToDictionary(g => Id(machine, g), StringComparer.Ordinal);
        return ([.. _found.Select(d => d.Kind != DeviceReport.Cuda ? d
            : now.TryGetValue(d.DeviceId, out GpuReading? gpu) ? Report(machine, gpu)
            : d with { Healthy = false, Message = problem ?? "the driver does not list it any more", TemperatureCelsius = null })], gpus);
    }

    /// <summary>A driver that hangs must not keep the machine from reporting.</summary>
    private async Task<(IReadOnlyList<GpuReading> Gpus, string? Problem)> ReadAsync()
    {
        try
        {
            _reading ??= Task.Run(probe.Read);
            IReadOnlyList<GpuReading> gpus = await _reading.WaitAsync(Patience);
            _reading = null;
            return (gpus, null);
        }
        catch (TimeoutException)
        {
            return ([], "the GPU driver does not answer");
        }
        catch (GpuProbeException problem)
        {
            _reading = null;
            return ([], problem.Message);
        }
    }

    private DeviceReport Report(string machine, GpuReading gpu)
    {
        string id = Id(machine, gpu);
        if (!_health.TryGetValue(id, out DeviceHealth? health))
        {
            _health[id] = health = new DeviceHealth(options.Value.HottestCelsius, TimeSpan.FromMinutes(options.Value.XidQuarantineMinutes));
        }

        string? wrong = health.Judge(gpu, clock.UtcNow);
        string users = DeviceUsers.Others(gpu.Processes, home.DeviceLock(id), home);
        return new DeviceReport(
            id, machine, DeviceReport.Cuda, gpu.Name, gpu.MemoryBytes, wrong is null, wrong ?? users, gpu.Uuid, gpu.Capability, gpu.Driver, users.Length > 0, gpu.TemperatureCelsius);
    }

    private static string Id(string machine, GpuReading gpu) => $"{machine}/gpu{gpu.Index}";
}
