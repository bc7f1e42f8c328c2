using System.Diagnostics;
using System.Runtime.InteropServices;

namespace CramGrains.Client.Connection;

/// <summary>The silo's executable: found, never referenced, so that this process stays free of libtorch.</summary>
internal static class SiloProgram
{
    private const string StartedBy = "CRAM_STARTED_BY"; // a verb that trains stops when the process of this number is gone, however it ended

    private static readonly string Name = OperatingSystem.IsWindows() ? "CramGrains.Silo.exe" : "CramGrains.Silo";

    /// <summary>Where the executable is.</summary>
    /// <exception cref="CommandException">It is nowhere.</exception>
    public static string Find()
    {
        var candidates = Candidates().Select(Path.GetFullPath).ToList();
        return candidates.Find(File.Exists) ?? throw new CommandException(
            ExitCodes.Usage,
            $"The silo's program {Name} was not found. Looked for: {string.Join(", ", candidates)}. Build it (dotnet build) or set CRAM_SILO to its full path.");
    }

    /// <summary>Runs a verb of the silo's program in this terminal, to its end. Who stops this process stops that one: it trains on for nobody, and has all the time that it needs to save what it has.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(IEnumerable<string> arguments)
    {
        Process? process = null;
        // Ctrl-C reaches it too, by the terminal; SIGTERM is sent to this process alone, as by kill.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = process is not null);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            if (process is { } running)
            {
                signal.Cancel = true;
                LocalSilo.Terminate(running.Id);
            }
        });
        using (process = Start(new ProcessStartInfo(Find(), arguments) { Environment = { [StartedBy] = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture) } }))
        {
            await process.WaitForExitAsync();
            return process.ExitCode;
        }
    }

    /// <exception cref="CommandException">The operating system does not start it.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!; // null only for what a shell opens
        }
        catch (System.ComponentModel.Win32Exception problem)
        {
            throw new CommandException(ExitCodes.Usage, $"The silo's program {start.FileName} does not start: {problem.Message}. Build it (dotnet build) or set CRAM_SILO to its full path.");
        }
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("CRAM_SILO") is { Length: > 0 } told)
        {
            yield return told;
            yield break;
        }

        var here = new DirectoryInfo(AppContext.BaseDirectory);
        yield return Path.Combine(here.FullName, "silo", Name);                                          // installed: the client above the silo
        yield return Path.Combine(here.FullName, "..", "silo", Name);                                    // installed: side by side
        yield return Path.Combine(here.FullName, "..", "..", "CramGrains.Silo", here.Name, Name);        // a build: artifacts/bin/<project>/<configuration>
    }
}
