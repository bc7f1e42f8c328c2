using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>Runs the real <c>cram</c> executable, as a user would, and keeps what it printed.</summary>
internal sealed record CramProcess(int ExitCode, string Output, string Errors)
{
    private static readonly string Executable = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "cram.exe" : "cram");

    // A build's layout: artifacts/bin/<project>/<configuration>.
    private static readonly string SiloPath = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "CramGrains.Silo", new DirectoryInfo(AppContext.BaseDirectory).Name, OperatingSystem.IsWindows() ? "CramGrains.Silo.exe" : "CramGrains.Silo"));

    /// <summary>Where the silo's own program is.</summary>
    public static string SiloExecutable => SiloPath;

    /// <summary>The one JSON document on standard output.</summary>
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;

    /// <summary>Runs to the end, or kills it after <paramref name="limit"/> and fails with all that it printed.</summary>
    public static Task<CramProcess> RunAsync(TimeSpan limit, params string[] arguments) => RunAsync(limit, new Dictionary<string, string>(), arguments);

    /// <summary>The same, with further environment variables.</summary>
    public static Task<CramProcess> RunAsync(TimeSpan limit, IReadOnlyDictionary<string, string> environment, params string[] arguments) =>
        RunProgramAsync(Executable, limit, environment, arguments);

    /// <summary>The same, and tells of the first line on standard error while the program still runs.</summary>
    public static Task<CramProcess> RunAsync(TimeSpan limit, Action said, params string[] arguments) =>
        RunProgramAsync(Executable, limit, new Dictionary<string, string>(), arguments, said);

    /// <summary>The same for the silo's own program, which the client starts.</summary>
    public static Task<CramProcess> RunSiloAsync(TimeSpan limit, params string[] arguments) =>
        RunProgramAsync(SiloPath, limit, new Dictionary<string, string>(), arguments);

    /// <summary>The same by a shell that sends standard output elsewhere, such as <c>&gt; /dev/full</c> or <c>| head -n 1</c>.</summary>
    public static Task<CramProcess> RunRedirectedAsync(TimeSpan limit, string to, params string[] arguments) =>
        RunProgramAsync("/bin/sh", limit, new Dictionary<string, string>(), ["-c", $"\"$0\" \"$@\" {to}", Executable, .. arguments]);

    private static async Task<CramProcess> RunProgramAsync(string executable, TimeSpan limit, IReadOnlyDictionary<string, string> environment, string[] arguments, Action? said = null)
    {
        var start = new ProcessStartInfo(executable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NO_COLOR"] = "1";
        start.Environment.Remove("CRAM_HOME");
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        StringBuilder output = new(), errors = new();
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) =>
        {
            Append(errors, line.Data);
            if (line.Data is not null)
            {
                said?.Invoke();
            }
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{Path.GetFileName(executable)} {string.Join(' ', arguments)} did not end within {limit}.\nOutput:\n{output}\nErrors:\n{errors}");
        }

        return new CramProcess(process.ExitCode, output.ToString(), errors.ToString());
    }

    /// <summary>Fails with everything that was printed unless the exit code is the expected one.</summary>
    public CramProcess Expect(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"Exit code {ExitCode}, expected {exitCode}.\nOutput:\n{Output}\nErrors:\n{Errors}");
        return this;
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is not null)
        {
            lock (text)
            {
                text.AppendLine(line);
            }
        }
    }
}
