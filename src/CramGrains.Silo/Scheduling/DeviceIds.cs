namespace CramGrains.Silo.Scheduling;

/// <summary>Device ids are <c>machine/place</c>.</summary>
internal static class DeviceIds
{
    /// <summary>The machine that a device id names.</summary>
    public static string Machine(string deviceId) => deviceId[..deviceId.IndexOf('/', StringComparison.Ordinal)];

    /// <summary>The place on that machine: <c>gpu0</c>, <c>cpu</c>, <c>data</c>.</summary>
    public static string Place(string deviceId) => deviceId[(deviceId.IndexOf('/', StringComparison.Ordinal) + 1)..];
}
