using System.Diagnostics;
using System.Runtime.InteropServices;

namespace CramGrains.Client.Connection;

/// <summary>Starts and stops a silo on this machine.</summary>
internal static partial class LocalSilo
{
    private const int TerminateSignal = 15; // SIGTERM
    private const int NotPermitted = 1; // EPERM
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    /// <summary>Starts a silo in the background, in a session of its own, and waits until it is ready.</summary>
    /// <param name="home">Its home folder; made if missing.</param>
    /// <param name="arguments">Further arguments of <c>serve</c>.</param>
    /// <param name="cancellationToken">Stops waiting; a silo that was started is stopped.</param>
    /// <exception cref="CommandException">It cannot start; the message is the silo's own.</exception>
    public static async Task<SiloDescription> StartAsync(string home, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var log = PrepareLog(home);
        var logStart = File.Exists(log) ? new FileInfo(log).Length : 0;
        var start = new ProcessStartInfo(SiloProgram.Find(), ["serve", "--home", home, "--log", log, .. arguments])
        {
            // Streams of its own, though nobody reads them: a silo that held this command's pipes open would keep whoever reads them waiting for ever.
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = SiloProgram.Start(start);
        process.StandardInput.Close();
        var started = Stopwatch.GetTimestamp();
        try
        {
            while (true)
            {
                if (SiloDescription.TryRead(home) is { } ready && ready.Pid == process.Id)
                {
                    return ready;
                }

                if (process.HasExited)
                {
                    // What it says before it opens its log (a wrong setting or option) goes to the pipe.
                    throw new CommandException(ExitCodes.Usage, $"{FailureIn(log, logStart) ?? Failure(await process.StandardError.ReadToEndAsync(cancellationToken)) ?? "The silo ended before it was ready."} (log: {log})");
                }

                if (Stopwatch.GetElapsedTime(started) > StartLimit)
                {
                    throw new CommandException(ExitCodes.NoCluster, $"The silo was not ready after {StartLimit.TotalSeconds:F0} s; read {log}.");
                }

                await Task.Delay(Pace, cancellationToken);
            }
        }
        catch
        {
            Terminate(process.Id);
            throw;
        }
    }

    /// <summary>Asks a silo to stop and waits until it is gone. Its workers train on until their lease runs out.</summary>
    /// <returns>False when it had to be killed.</returns>
    /// <exception cref="CommandException">It is another user's.</exception>
    public static async Task<bool> StopAsync(SiloDescription silo)
    {
        if (!silo.IsAlive())
        {
            return true;
        }

        using var process = Process.GetProcessById(silo.Pid);
        if (!Terminate(silo.Pid))
        {
            throw new CommandException(ExitCodes.Usage, $"This user may not stop the silo (process {silo.Pid}): it is another's. Ask as that one, or as root.");
        }

        using var limit = new CancellationTokenSource(StopLimit);
        await process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (process.HasExited)
        {
            return true;
        }

        process.Kill(); // State is durable at every moment; a kill loses nothing but courtesy.
        return false;
    }

    private static string PrepareLog(string home)
    {
        try
        {
            return Path.Combine(Directory.CreateDirectory(Path.Combine(home, "logs")).FullName, "silo.log");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCodes.Usage, $"Home {home} is not writable: {problem.Message} Give a folder that this user may write to with --home DIR.");
        }
    }

    /// <summary>The silo's own words about why it did not start, from the part of the log that it wrote.</summary>
    private static string? FailureIn(string log, long from)
    {
        if (!File.Exists(log))
        {
            return null;
        }

        using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        file.Position = Math.Min(from, file.Length);
        return Failure(new StreamReader(file).ReadToEnd());
    }

    private static string? Failure(string said)
    {
        var error = said.LastIndexOf("error: ", StringComparison.Ordinal);
        return error >= 0 ? said[(error + "error: ".Length)..].Trim() : null;
    }

    /// <summary>Asks a process to end.</summary>
    /// <returns>False when this user may not.</returns>
    internal static bool Terminate(int processId)
    {
        if (OperatingSystem.IsWindows())
        {
            Process.GetProcessById(processId).Kill();
        }
        else
        {
            return Kill(processId, TerminateSignal) == 0 || Marshal.GetLastPInvokeError() != NotPermitted; // Otherwise it is gone already.
        }

        return true;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
