using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CramGrains.Client.Connection;

/// <summary>What a silo says of itself in <c>silo.json</c> of its home folder and at <c>/silo.json</c> of its HTTP port.</summary>
/// <remarks>Its start ticks are when its process began, in clock ticks since the machine's start: a clock that is set after the silo began moves a time of day, and not these.</remarks>
internal sealed record SiloDescription(
    int Pid, string Machine, string GatewayAddress, int GatewayPort, int HttpPort, string ClusterId, string ServiceId, DateTimeOffset StartedAt, long? StartTicks = null,
    bool Https = false)
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>HOST:PORT of its HTTP, with brackets around an IPv6 address.</summary>
    [JsonIgnore]
    public string HttpAddress => GatewayAddress.Contains(':', StringComparison.Ordinal) ? $"[{GatewayAddress}]:{HttpPort}" : $"{GatewayAddress}:{HttpPort}";

    /// <summary>Where Prometheus finds it.</summary>
    [JsonIgnore]
    public string Metrics => $"{(Https ? "https" : "http")}://{HttpAddress}/metrics";

    /// <summary>Whether it belongs to a cluster that has, or may get, other machines: its cluster's name is then that of its store as well.</summary>
    [JsonIgnore]
    public bool IsMember => ClusterId == ServiceId;

    /// <summary>The silo that serves a home folder; null when none does, a file left behind by a killed one included.</summary>
    public static SiloDescription? TryRead(string home)
    {
        try
        {
            var silo = Parse(File.ReadAllText(Path.Combine(home, "silo.json")));
            return silo is not null && silo.IsAlive() ? silo : null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <exception cref="JsonException">It is not a description.</exception>
    public static SiloDescription? Parse(string json) => JsonSerializer.Deserialize<SiloDescription>(json, Options);

    /// <summary>Whether its process lives and is the one that wrote this: a process id may have been given to another since.</summary>
    public bool IsAlive()
    {
        try
        {
            if (StartTicks is { } ticks && OperatingSystem.IsLinux())
            {
                return TicksOf(File.ReadAllText($"/proc/{Pid}/stat")) == ticks;
            }

            using var process = Process.GetProcessById(Pid);
            return !process.HasExited && process.StartTime.ToUniversalTime() <= StartedAt.UtcDateTime.AddSeconds(2);
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Field 22 of <c>/proc/PID/stat</c>, counted from the name's last parenthesis; null for a process that is dead but not yet reaped.</summary>
    private static long? TicksOf(string stat) =>
        stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [not ("Z" or "X"), .. { Length: > 18 } rest]
            ? long.Parse(rest[18], System.Globalization.CultureInfo.InvariantCulture)
            : null;
}
