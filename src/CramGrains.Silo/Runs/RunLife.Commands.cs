using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Runs;

/// <summary>What users ask of a run. A command is recorded with its id and the change it makes in one write, and carried out by the steps that follow.</summary>
internal sealed partial class RunLife
{
    private const int CommandsKept = 100;

    /// <inheritdoc cref="IRunGrain.CommandAsync"/>
    public async Task<CommandOutcome> CommandAsync(RunCommand command)
    {
        if (state.Request is null)
        {
            return new CommandOutcome(false, $"there is no run {RunId}");
        }

        CommandOutcome outcome = state.Commands.Find(c => c.CommandId == command.CommandId) is { } answered
            ? new CommandOutcome(answered.Accepted, answered.Message)
            : await CarryOutAsync(command);
        if (command.Kind == RunCommandKind.Requeue && Unfinished)
        {
            // A run that had ended is nobody's concern until the scheduler knows of it again; only then is this answered.
            await EnrollAsync();
        }

        return outcome;
    }

    private async Task<CommandOutcome> CarryOutAsync(RunCommand command)
    {
        CommandOutcome outcome = Decide(command);
        state.Commands.Add(new AnsweredCommand(command.CommandId, outcome.Accepted, outcome.Message));
        state.Commands.RemoveRange(0, Math.Max(0, state.Commands.Count - CommandsKept));
        await world.SaveAsync();
        world.Note($"{Words.Of(command.Kind)} asked for by {command.User}: {outcome.Message}");
        world.Publish(milestone: true);
        world.LookOften();
        return outcome;
    }

    private CommandOutcome Decide(RunCommand command) => command.Kind switch
    {
        RunCommandKind.Requeue when state.State is RunState.Failed or RunState.Cancelled => Revive(command.User),
        _ when state.State.IsFinal() => new CommandOutcome(
            command.Kind == RunCommandKind.Cancel && state.State == RunState.Cancelled, $"run {RunId} has already ended: {Words.Of(state.State)}"),
        RunCommandKind.Cancel => Cancel(command.User),
        _ when state.CancelledBy is { } canceller => new CommandOutcome(false, $"run {RunId} is being cancelled by {canceller}"),
        RunCommandKind.Pause => Pause(command.User),
        RunCommandKind.Resume => Resume(),
        RunCommandKind.Requeue => Requeue(command.User),
        RunCommandKind.Hold => Hold(command.User),
        RunCommandKind.Release => Release(),
        _ => new CommandOutcome(false, $"this silo does not know command {(int)command.Kind}; it is older than the client"),
    };

    private CommandOutcome Cancel(string user)
    {
        if (state.CancelledBy is null)
        {
            state.CancelledBy = user;
            state.Message = $"being cancelled by {user}";
        }

        return new CommandOutcome(true, $"run {RunId} is being cancelled");
    }

    private CommandOutcome Pause(string user)
    {
        state.PausedBy ??= user;
        return new CommandOutcome(true, state.State switch
        {
            RunState.Paused => $"run {RunId} is paused",
            RunState.FineTuning => $"run {RunId} starts no more fine-tunings; those at work run to their end",
            RunState.Pretraining => $"run {RunId} saves a checkpoint and pauses",
            _ => $"run {RunId} pauses",
        });
    }

    private CommandOutcome Resume()
    {
        bool paused = state.PausedBy is not null || state.State == RunState.Paused;
        state.PausedBy = null;
        return new CommandOutcome(paused, paused ? $"run {RunId} goes on" : $"run {RunId} is not paused: {Words.Of(state.State)}");
    }

    private CommandOutcome Hold(string user)
    {
        state.HeldBy ??= user;
        return new CommandOutcome(true, state.State == RunState.Pretraining
            ? $"run {RunId} goes on where it runs; it gets no other device until it is released"
            : $"run {RunId} is held until it is released");
    }

    private CommandOutcome Release()
    {
        bool held = state.HeldBy is not null;
        state.HeldBy = null;
        return new CommandOutcome(held, held ? $"run {RunId} is released" : $"run {RunId} is not held");
    }

    private CommandOutcome Requeue(string user)
    {
        switch (state.State)
        {
            case RunState.FineTuning:
                return new CommandOutcome(false, $"run {RunId} is fine-tuning; there is nothing to queue again");
            case RunState.Paused:
                return new CommandOutcome(false, $"run {RunId} is paused; `cram resume {RunId}` queues it again");
            case RunState.Waiting or RunState.Pretraining:
                state.RequeuedBy ??= user;
                return new CommandOutcome(true, $"run {RunId} goes back to the queue and on from its last checkpoint");
            default:
                return new CommandOutcome(true, $"run {RunId} is in the queue");
        }
    }

    /// <summary>A run that ended before its pretraining was done goes on: same id, same checkpoints, same budget clock. What was asked of its last life, a hold too, ended with that.</summary>
    private CommandOutcome Revive(string user)
    {
        if (state.Glue.Exists(g => g.Ended))
        {
            return new CommandOutcome(false, $"pretraining of run {RunId} is done and fine-tuning failed; submit it again to have that repeated");
        }

        state.Life++;
        state.State = RunState.Queued;
        state.Message = $"queued again by {user}";
        (state.Reason, state.EndedAt, state.Retired) = (TerminationReason.None, null, false);
        (state.CancelledBy, state.HeldBy, state.PausedBy, state.RequeuedBy) = (null, null, null, null);
        (state.Pretraining.Failures, state.Pretraining.NotBefore, state.Result) = (0, null, null);
        Remember(RunState.Queued, state.Message);
        return new CommandOutcome(true, $"run {RunId} is queued again and goes on from its last checkpoint");
    }
}
