using System.Text.Json;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Hosting;

/// <summary>The file <c>silo.json</c> in a home folder: how to reach the silo that serves it. Present only while that silo is ready.</summary>
/// <remarks>Its start ticks are when its process began, in clock ticks since the machine's start, which no step of the wall clock moves; null where the operating system does not say.</remarks>
internal sealed record SiloDescription(
    int Version,
    int Pid,
    string Machine,
    string GatewayAddress,
    int GatewayPort,
    int SiloPort,
    int HttpPort,
    string ClusterId,
    string ServiceId,
    DateTimeOffset StartedAt,
    long? StartTicks = null,
    bool Https = false)
{
    public const int CurrentVersion = 1;

    public void Write(HomeFolder home) => AtomicFile.WriteText(home.SiloFile, JsonSerializer.Serialize(this, WorkerJson.Options));

    public static SiloDescription? TryRead(HomeFolder home)
    {
        try
        {
            return JsonSerializer.Deserialize<SiloDescription>(File.ReadAllText(home.SiloFile), WorkerJson.Options);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }
}
