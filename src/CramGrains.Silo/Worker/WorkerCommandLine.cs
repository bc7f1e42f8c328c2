using System.Diagnostics;

namespace CramGrains.Silo.Worker;

/// <summary>How a worker is started: this program again, with another verb.</summary>
internal sealed class WorkerCommandLine(string executable, IReadOnlyList<string> leadingArguments)
{
    public static WorkerCommandLine OfThisProgram()
    {
        string executable = Environment.ProcessPath ?? throw new InvalidOperationException("this process does not know its own path");
        // Under `dotnet X.dll` the program is the first argument of the host.
        bool hosted = Path.GetFileNameWithoutExtension(executable).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        return new WorkerCommandLine(executable, hosted ? [typeof(WorkerCommandLine).Assembly.Location] : []);
    }

    /// <remarks>
    /// Its output goes to a file from the first byte on, opened by the shell that then becomes the worker: a pipe of ours would break when this silo dies,
    /// and what the native libraries print at a crash would be lost.
    /// </remarks>
    public ProcessStartInfo For(string assignmentFile, string logFile)
    {
        IReadOnlyList<string> command = [executable, .. leadingArguments, "worker", "--assignment", assignmentFile];
        ProcessStartInfo start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo(command[0], command.Skip(1)) { UseShellExecute = false, CreateNoWindow = true }
            : new ProcessStartInfo("/bin/sh", ["-c", "exec \"$@\" </dev/null >>\"$CRAM_WORKER_LOG\" 2>&1", "cram-worker", .. command]) { UseShellExecute = false };
        start.Environment["CRAM_WORKER_LOG"] = logFile;
        // Number GPUs as nvidia-smi does; the driver's default puts the fastest first.
        start.Environment["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID";
        return start;
    }
}
