using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;

namespace CramGrains.Client.Commands;

/// <summary><c>cram devices</c>: the devices of the cluster.</summary>
internal static class DevicesCommand
{
    public static Command Create()
    {
        var command = new ExampleCommand("devices", "Lists the devices of the cluster and what they do.", ("cram devices", "who trains where"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var devices = await session.Scheduler.ListDevicesAsync();
            if (parsed.WantsJson())
            {
                CramJson.Print(devices);
                return ExitCodes.Done;
            }

            Columns.Print(
                ["Device", "Name", "Memory", "Temp.", "State", "Run", "Last report", "What"],
                devices.Select(device => new[]
                {
                    device.DeviceId, device.Name, Figures.Bytes(device.MemoryBytes),
                    device.TemperatureCelsius is { } celsius ? celsius.ToString("F0", System.Globalization.CultureInfo.InvariantCulture) + " °C" : "-", Figures.Word(device.State), device.RunId ?? "-", Figures.Ago(device.LastReport), device.Message,
                }));
            return ExitCodes.Done;
        });
        return command;
    }
}
