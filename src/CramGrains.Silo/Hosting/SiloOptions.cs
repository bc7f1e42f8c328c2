using System.ComponentModel.DataAnnotations;

namespace CramGrains.Silo.Hosting;

/// <summary>What this silo is and where it keeps things; section <c>cram:silo</c> or the command line.</summary>
internal sealed class SiloOptions
{
    /// <summary>Absolute path of the home folder.</summary>
    [Required]
    public string Home { get; set; } = "";

    /// <summary>Name of this machine in the cluster; device ids start with it.</summary>
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", ErrorMessage =
        "machine must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit. Give another with --machine NAME.")]
    public string Machine { get; set; } = "";

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cpu:N</c> (N simulated devices) or <c>none</c>.</summary>
    [Required]
    public string Devices { get; set; } = "auto";

    /// <summary>Folder of the device locks, the same for every silo of this machine; null keeps those of GPUs in the temporary folder and those of CPUs in the home.</summary>
    public string? LockFolder { get; set; }

    /// <summary>Port on which other silos speak to this one; 0 takes a free one.</summary>
    [Range(0, 65535)]
    public int SiloPort { get; set; }

    /// <summary>Port on which clients speak to this silo; 0 takes a free one.</summary>
    [Range(0, 65535)]
    public int GatewayPort { get; set; }

    /// <summary>Port of <c>/metrics</c>, <c>/healthz</c>, <c>/silo.json</c> and artefacts; 0 takes a free one.</summary>
    [Range(0, 65535)]
    public int HttpPort { get; set; }
}

/// <summary>How runs are kept going.</summary>
internal sealed class RunOptions
{
    /// <summary>Seconds between two looks of a run at its corpus, attempt and tasks.</summary>
    [Range(0.005, 60)]
    public double TickSeconds { get; set; } = 1;

    /// <summary>Seconds between two questions to the scheduler while a work item waits; a grant wakes its owner at once, this is the safety net.</summary>
    [Range(0.005, 600)]
    public double WaitingPollSeconds { get; set; } = 5;

    /// <summary>Failed attempts after which a run, a corpus or a fine-tuning gives up.</summary>
    [Range(1, 1000)]
    public int MaxAttempts { get; set; } = 5;

    /// <summary>Wait after the first failed attempt; doubles with each further one.</summary>
    [Range(0, 3600)]
    public double BackoffSeconds { get; set; } = 2;

    /// <summary>Longest wait between attempts.</summary>
    [Range(0, 86400)]
    public double BackoffMaximumSeconds { get; set; } = 300;

    /// <summary>An attempt whose machine has not answered for so long is given up and placed anew. Must exceed the worker's lease.</summary>
    [Range(1, 86400)]
    public double MachineLostSeconds { get; set; } = 600;

    /// <summary>The workers' lease, as the device options have it; no setting of its own.</summary>
    public double WorkerLeaseSeconds { get; internal set; } = 300;

    /// <summary>Longest silence towards those who watch a run.</summary>
    [Range(0.01, 10)]
    public double HeartbeatSeconds { get; set; } = 10;

    /// <summary>Seconds between two progress lines in a run's log.</summary>
    [Range(0.1, 86400)]
    public double ProgressLogSeconds { get; set; } = 30;
}

/// <summary>How devices and their workers are looked after.</summary>
internal sealed class DeviceOptions
{
    /// <summary>Seconds between two reports of a machine's devices to the scheduler.</summary>
    [Range(0.005, 60)]
    public double ReportSeconds { get; set; } = 5;

    /// <summary>A device whose machine has not reported for so long is lost: nothing new is placed on it.</summary>
    [Range(1, 3600)]
    public double LostAfterSeconds { get; set; } = 30;

    /// <summary>Seconds between two polls of a worker.</summary>
    [Range(0.005, 60)]
    public double PollSeconds { get; set; } = 1;

    /// <summary>A worker checkpoints and exits when no silo has renewed its lease for so long.</summary>
    [Range(1, 86400)]
    public double WorkerLeaseSeconds { get; set; } = 300;

    /// <summary>A GPU this hot gets nothing new.</summary>
    [Range(40, 150)]
    public double HottestCelsius { get; set; } = 92;

    /// <summary>Minutes for which a GPU gets nothing new after an error of its hardware.</summary>
    [Range(0, 100_000)]
    public double XidQuarantineMinutes { get; set; } = 60;

    /// <summary>Threads with which a worker on a CPU computes; 0 shares the cores among the CPU devices of this silo, and leaves a single one to libtorch, or to OMP_NUM_THREADS where that is set.</summary>
    [Range(0, 1024)]
    public int CpuThreads { get; set; }

    /// <summary>A worker asked to stop that has not ended after so long is killed.</summary>
    [Range(0.01, 3600)]
    public double StopGraceSeconds { get; set; } = 120;
}
