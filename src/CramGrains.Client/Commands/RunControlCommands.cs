using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Commands;

/// <summary>What a user asks of a run: <c>cancel</c>, <c>pause</c>, <c>resume</c>, <c>requeue</c>, <c>hold</c>, <c>release</c>. Exit code 1 when it was refused.</summary>
internal static class RunControlCommands
{
    public static IEnumerable<Command> Create() =>
    [
        Of(RunCommandKind.Cancel, "cancel", "Ends a run; its last checkpoint stays.", ("cram cancel latest", "the run that was submitted last")),
        Of(RunCommandKind.Pause, "pause", "Saves a checkpoint and gives the device back until the run is resumed; no budget is used meanwhile.", ("cram pause latest", "let somebody else have the GPU")),
        Of(RunCommandKind.Resume, "resume", "Lets a paused run go on from its checkpoint.", ("cram resume latest", "when the GPU is free again")),
        Of(
            RunCommandKind.Requeue, "requeue", "Sends a run back to the queue with a checkpoint, or a failed or cancelled one on from its last checkpoint.",
            ("cram requeue latest", "after the disk that was full has been cleared")),
        Of(RunCommandKind.Hold, "hold", "Starts nothing new of a run until it is released; what runs goes on.", ("cram hold r-20260101", "by the beginning of its id")),
        Of(RunCommandKind.Release, "release", "Undoes a hold, also that of `submit --hold`.", ("cram release latest", "let it start")),
    ];

    private static ExampleCommand Of(RunCommandKind kind, string name, string description, params (string, string)[] examples)
    {
        var run = RunArgument.Create();
        var command = new ExampleCommand(name, description, examples);
        command.Add(run);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var runId = await session.ResolveRunAsync(parsed.GetRequiredValue(run));
            var order = new RunCommand(CommandIds.New(), kind, Environment.UserName);
            var outcome = await session.AskAsync(s => s.Run(runId).CommandAsync(order), cancellationToken);
            if (parsed.WantsJson())
            {
                CramJson.Print(new { run_id = runId, outcome.Accepted, outcome.Message });
            }
            else
            {
                Console.Out.WriteLine(outcome.Message);
            }

            return outcome.Accepted ? ExitCodes.Done : ExitCodes.RunFailed;
        });
        return command;
    }
}
