using System.Diagnostics;

namespace CramGrains.Client.Connection;

/// <summary>The silo's executable: found, never referenced, so that this process stays free of libtorch.</summary>
internal static class SiloProgram
{
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

    /// <summary>Runs a verb of the silo's program in this terminal, to its end.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var process = Start(new ProcessStartInfo(Find(), arguments));
        try
        {
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C reached it too; it may need a moment to leave nothing half-written.
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            await process.WaitForExitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return ExitCodes.Interrupted;
        }

        return process.ExitCode;
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
