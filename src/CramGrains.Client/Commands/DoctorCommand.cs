using System.CommandLine;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;

namespace CramGrains.Client.Commands;

/// <summary><c>cram doctor</c>: what this machine has and lacks.</summary>
internal static class DoctorCommand
{
    private const long EnoughDisk = 20L << 30;

    private static readonly JsonSerializerOptions Reading = new(CramJson.Options) { PropertyNameCaseInsensitive = true };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "doctor", "Says what this machine has and lacks: libtorch and how it was found, GPU, driver, disk, ports, clock.", ("cram doctor", "before a day's run"));
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var home = parsed.Target().Home;
            List<Check> checks = [Disk(home), Ports(), Silo(home), .. await LibraryAsync(cancellationToken)];
            if (parsed.WantsJson())
            {
                CramJson.Print(new { checks });
            }
            else
            {
                Columns.Print(["Check", "Status", "Found", "What to do"], checks.Select(check => new[] { check.Name, check.Status, check.Detail, check.Advice ?? "" }));
            }

            return checks.Any(check => check.Status == "error") ? ExitCodes.RunFailed : ExitCodes.Done;
        });
        return command;
    }

    private static Check Disk(string home)
    {
        try
        {
            Directory.CreateDirectory(home);
            var probe = Path.Combine(home, ".write-probe");
            File.WriteAllText(probe, "probe\n");
            File.Delete(probe);
            var free = new DriveInfo(home).AvailableFreeSpace;
            var detail = $"{home} is writable, {Figures.Bytes(free)} free";
            return free < EnoughDisk
                ? new Check("home", "warning", detail, "A day's run wants 20 GiB for corpus and checkpoints; --home DIR chooses another disk.")
                : new Check("home", "ok", detail);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return new Check("home", "error", $"{home} is not writable: {problem.Message}", "Give a folder that this user may write to with --home DIR.");
        }
    }

    private static Check Ports()
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            using var client = new TcpClient();
            client.Connect((IPEndPoint)listener.LocalEndpoint);
            return new Check("ports", "ok", "a loopback port opens and answers");
        }
        catch (SocketException problem)
        {
            return new Check("ports", "error", $"a loopback port does not open: {problem.Message}", "A silo listens on three TCP ports of 127.0.0.1; let it.");
        }
    }

    private static Check Silo(string home) => SiloDescription.TryRead(home) is { } silo
        ? new Check("silo", "ok", $"process {silo.Pid} serves {home}, metrics at {silo.Metrics}")
        : new Check("silo", "ok", $"none serves {home}; `cram up` starts one");

    /// <summary>What the silo's program finds: only it loads libtorch.</summary>
    private static async Task<IReadOnlyList<Check>> LibraryAsync(CancellationToken cancellationToken)
    {
        using var process = SiloProgram.Start(new ProcessStartInfo(SiloProgram.Find(), ["doctor", "--json"]) { RedirectStandardOutput = true, RedirectStandardError = true });
        var errors = process.StandardError.ReadToEndAsync(cancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        try
        {
            return JsonSerializer.Deserialize<Report>(output, Reading)!.Checks;
        }
        catch (JsonException)
        {
            var said = (await errors).Trim();
            return [new Check("silo program", "error", $"it ended with code {process.ExitCode}: {said.Split('\n')[0]}", "Build again (dotnet build), or set CRAM_SILO.")];
        }
    }

    private sealed record Check(string Name, string Status, string Detail, string? Advice = null);

    private sealed record Report(IReadOnlyList<Check> Checks);
}
