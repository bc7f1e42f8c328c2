using System.Text.Json;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Worker;

/// <summary>The worker's status: written by the job's thread, read by the socket, and kept in <c>status.json</c> for whoever comes after the process.</summary>
internal sealed class WorkerBoard(WorkerAssignment assignment)
{
    /// <summary>Name of the status file in the work folder.</summary>
    public const string FileName = "status.json";

    private readonly Lock _gate = new();
    private WorkerStatus _status = new(
        assignment.RunId, assignment.LeaseEpoch, assignment.Job, Environment.ProcessId, WorkerPhase.Starting, TerminationReason.None,
        "starting", assignment.BudgetUsedSeconds, Progress: null, Notices: [], Result: null);

    /// <summary>The status as it stands.</summary>
    public WorkerStatus Status
    {
        get
        {
            lock (_gate)
            {
                return _status;
            }
        }
    }

    /// <summary>Replaces the status by a changed one.</summary>
    public void Update(Func<WorkerStatus, WorkerStatus> change)
    {
        lock (_gate)
        {
            _status = change(_status);
        }
    }

    /// <summary>Adds what the user should know.</summary>
    public void Notice(string text) => Update(status => status with { Notices = [.. status.Notices, text] });

    /// <summary>Writes the status file by rename, so that a reader never sees half of it.</summary>
    public void Save()
    {
        var path = Path.Combine(assignment.WorkFolder, FileName);
        var temporary = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(Status, WorkerJson.Options));
        File.Move(temporary, path, overwrite: true);
    }
}
