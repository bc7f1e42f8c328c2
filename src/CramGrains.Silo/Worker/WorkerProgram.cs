using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker.Jobs;

namespace CramGrains.Silo.Worker;

/// <summary>
/// The worker process: holds its device, does one job, answers on its socket, and outlives the silo that started it until its lease runs out.
/// </summary>
internal static class WorkerProgram
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DeviceWait = TimeSpan.FromSeconds(30);

    /// <summary>Runs the assignment to its end. The exit code says how: 0 done, 75 stopped or lease lost, 1 failed (the status file says why).</summary>
    public static async Task<int> RunAsync(string assignmentFile)
    {
        var assignment = Read(assignmentFile);
        ProcessDetachment.Detach(Path.Combine(assignment.WorkFolder, "worker.log"));

        // Its start and the wait for its device come off the lease: whoever gave it counts from when it was given.
        var lease = new WorkerLease(assignment.LeaseEpoch, TimeSpan.FromSeconds(assignment.LeaseSeconds), TimeProvider.System, assignment.LeaseSince);
        var board = new WorkerBoard(assignment);
        using var orders = new WorkerOrders();
        DeviceLock? taken;
        try
        {
            taken = await DeviceLock.AcquireAsync(assignment.DeviceLockFile, DeviceHolder.Of(assignment), DeviceWait);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return End(board, TerminationReason.WorkerFailed, $"{assignment.Device} cannot be locked: {problem.Message} Let this user write in {Path.GetDirectoryName(assignment.DeviceLockFile)}, or name another folder with cram:silo:LockFolder.");
        }

        using var device = taken;
        if (device is null)
        {
            return End(board, TerminationReason.WorkerFailed, $"{assignment.Device} is still held by {(DeviceLock.Holder(assignment.DeviceLockFile!) is { } other ? $"process {other.ProcessId} ({other.RunId})" : "another process")}; its lock is {assignment.DeviceLockFile}.");
        }

        if (lease.Remaining == TimeSpan.Zero)
        {
            return End(board, TerminationReason.LeaseExpired, "its lease ran out before it could begin; the run may go on elsewhere");
        }

        await using var socket = await WorkerSocket.StartAsync(assignment, board, lease, orders);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal =>
        {
            signal.Cancel = true;
            orders.AskToStop(TerminationReason.Drained);
        });

        board.Save();
        using var job = WorkerJobs.Create(assignment, board, orders);
        var work = Task.Factory.StartNew(job.Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        using var timer = new PeriodicTimer(Heartbeat);
        while (!work.IsCompleted)
        {
            var tick = timer.WaitForNextTickAsync().AsTask();
            await Task.WhenAny(work, tick);
            if (lease.Remaining == TimeSpan.Zero)
            {
                orders.AskToStop(TerminationReason.LeaseExpired);
            }

            board.Update(status => status with { BudgetUsedSeconds = job.BudgetUsedSeconds });
            TrySave(board);
        }

        try
        {
            var result = await work;
            board.Update(status => status with { BudgetUsedSeconds = job.BudgetUsedSeconds, Result = result });
            return orders.Reason is var reason and not TerminationReason.None && !job.Finished
                ? End(board, reason, $"stopped: {reason}")
                : End(board, TerminationReason.Completed, "done");
        }
        catch (Exception failure) // The one place where any failure of a job becomes a reason that the cluster can act on.
        {
            Console.Error.WriteLine(failure);
            board.Update(status => status with { BudgetUsedSeconds = job.BudgetUsedSeconds });
            var (reason, message) = WorkerFailure.Classify(failure);
            return orders.Reason is var asked and not TerminationReason.None && failure is OperationCanceledException
                ? End(board, asked, $"stopped: {asked}")
                : End(board, reason, message);
        }
    }

    private static WorkerAssignment Read(string file)
    {
        var assignment = JsonSerializer.Deserialize<WorkerAssignment>(File.ReadAllBytes(file), WorkerJson.Options)
            ?? throw new InvalidDataException($"{file} is empty.");
        return assignment.Version == WorkerAssignment.CurrentVersion
            ? assignment
            : throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"{file} has version {assignment.Version}, this worker reads version {WorkerAssignment.CurrentVersion}. Start it with the build that wrote it."));
    }

    private static int End(WorkerBoard board, TerminationReason reason, string message)
    {
        board.Update(status => status with { Phase = WorkerPhase.Ended, Reason = reason, Message = message });
        TrySave(board);
        return reason switch
        {
            TerminationReason.Completed => 0,
            TerminationReason.LeaseExpired or TerminationReason.Drained or TerminationReason.Cancelled
                or TerminationReason.Preempted or TerminationReason.Paused or TerminationReason.Requeued => 75,
            _ => 1,
        };
    }

    private static void TrySave(WorkerBoard board)
    {
        try
        {
            board.Save();
        }
        catch (IOException problem) // A full disk must not end training; the silo reads the same status from the socket.
        {
            Console.Error.WriteLine($"{WorkerBoard.FileName} could not be written: {problem.Message}");
        }
    }
}
