using System.Diagnostics;
using System.Text.Json;

namespace CramGrains.Client.Connection;

/// <summary>What a silo says of itself in <c>silo.json</c> of its home folder and at <c>/silo.json</c> of its HTTP port.</summary>
internal sealed record SiloDescription(
    int Pid, string Machine, string GatewayAddress, int GatewayPort, int HttpPort, string ClusterId, string ServiceId, DateTimeOffset StartedAt)
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

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
            using var process = Process.GetProcessById(Pid);
            return !process.HasExited && process.StartTime.ToUniversalTime() <= StartedAt.UtcDateTime.AddSeconds(2);
        }
        catch (Exception problem) when (problem is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
