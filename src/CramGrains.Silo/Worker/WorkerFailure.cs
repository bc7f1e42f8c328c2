using System.Runtime.InteropServices;
using CramGrains.Interfaces.Runs;
using CramGrains.Model;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Training;

namespace CramGrains.Silo.Worker;

/// <summary>Gives a failure of a job the reason that the cluster acts on and the sentence that its user reads.</summary>
internal static class WorkerFailure
{
    /// <summary>Reason and message of a failure.</summary>
    public static (TerminationReason Reason, string Message) Classify(Exception failure) => failure switch
    {
        AggregateException { InnerExceptions: [var only] } => Classify(only),
        CorpusException when DiskErrors.IsDiskFull(failure) => (TerminationReason.DiskFull, failure.Message),
        CorpusException => (TerminationReason.CorpusInvalid, failure.Message),
        GlueException => (TerminationReason.GlueInvalid, failure.Message),
        NonFiniteLossException => (TerminationReason.NonFiniteLoss, failure.Message),
        CheckpointsUnreadableException => (TerminationReason.CheckpointsUnreadable, failure.Message),
        NonFiniteFineTuningLossException => (TerminationReason.NonFiniteLoss, failure.Message),
        CheckpointWriteException { DiskFull: true } => (TerminationReason.DiskFull, failure.Message),
        StaleLeaseException => (TerminationReason.LeaseExpired, failure.Message),
        TorchLoadException => (TerminationReason.RecipeUnsupported, failure.Message),
        _ when DiskErrors.IsDiskFull(failure) => (TerminationReason.DiskFull, $"No space left on the disk: {failure.Message} Free some and submit again, or set --home to a larger disk."),
        OutOfMemoryException => (TerminationReason.OutOfMemory, $"Memory ran out: {failure.Message} Use a smaller training.microbatch_size."),
        ExternalException when failure.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase) =>
            (TerminationReason.OutOfMemory, $"Device memory ran out: {FirstLine(failure)} Use a smaller training.microbatch_size."),
        NotSupportedException => (TerminationReason.RecipeUnsupported, failure.Message),
        _ => (TerminationReason.WorkerFailed, $"{failure.GetType().Name}: {FirstLine(failure)} (worker.log of the attempt has the whole story)"),
    };

    private static string FirstLine(Exception failure) => failure.Message.Split('\n', 2)[0];
}
