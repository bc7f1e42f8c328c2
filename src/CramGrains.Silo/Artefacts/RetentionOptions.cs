using System.ComponentModel.DataAnnotations;

namespace CramGrains.Silo.Artefacts;

/// <summary>What is removed from this machine's disk, and when; section <c>cram:retention</c>. Nothing that a run needs which has not ended is ever removed.</summary>
internal sealed class RetentionOptions
{
    /// <summary>Minutes between two sweeps.</summary>
    [Range(0.001, 10080)]
    public double SweepMinutes { get; set; } = 60;

    /// <summary>Days after its end from which a run keeps only <see cref="CheckpointsKept"/> checkpoints and no attempt folders; null keeps everything.</summary>
    [Range(0, 36500)]
    public double? EndedRunDays { get; set; }

    /// <summary>Newest checkpoints of an ended run that stay.</summary>
    [Range(0, 1000)]
    public int CheckpointsKept { get; set; } = 1;

    /// <summary>Hours after a run's end from which copies of its checkpoints go from machines that did not make them, as long as another machine that is up has them.</summary>
    [Range(0, 876000)]
    public double CopyHours { get; set; } = 24;

    /// <summary>Days without a run that uses it after which a corpus is removed; it can be made again from its sources. Null keeps all.</summary>
    [Range(0, 36500)]
    public double? UnusedCorpusDays { get; set; }

    /// <summary>Hours after which a transfer that nobody goes on with, and GLUE files brought from elsewhere, are removed.</summary>
    [Range(0, 876000)]
    public double IncomingHours { get; set; } = 72;
}
