using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;

namespace CramGrains.Client.Commands;

/// <summary><c>cram submit</c>: queues a run.</summary>
internal static class SubmitCommand
{
    public static Command Create()
    {
        var options = new SubmissionOptions();
        var recipe = new Argument<string>("RECIPE") { Description = "A recipe file, or the name of one that comes with CramGrains." };
        var detach = new Option<bool>("--detach") { Description = "Print the run's id and return; the run goes on without this command." };
        var command = new ExampleCommand(
            "submit", "Submits a run and follows it to its end.",
            ("cram submit recipes/crammed-bert-24h.json --glue ~/glue_data --detach", "queue the paper's run"),
            ("cram submit quickstart --budget 2m --set training.optimizer.learning_rate=1e-3", "change a setting; it is checked and stored with the run"),
            ("cram submit big.json --priority 10 --min-gpu-memory 48GiB --requeue same-machine --detach", "say what it needs and how much it matters"),
            ("cram submit second.json --after latest --detach", "only if the run before succeeds"),
            ("cram watch latest", "come back to it"));
        command.Add(recipe);
        options.AddTo(command);
        options.AddSchedulingTo(command);
        command.Add(detach);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = options.Read(parsed, parsed.GetRequiredValue(recipe));
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            await SubmissionOptions.SubmitAsync(session, request, cancellationToken);
            if (parsed.GetValue(detach))
            {
                await session.KeepSiloAsync();
                if (parsed.WantsJson())
                {
                    CramJson.Print(new { request.RunId });
                }
                else
                {
                    Console.Out.WriteLine(request.RunId);
                }

                return ExitCodes.Done;
            }

            await Console.Error.WriteLineAsync($"Submitted {request.RunId}. Ctrl-C leaves it running; `cram watch {request.RunId}` comes back.");
            return await WatchCommand.FollowAndReportAsync(session, request.RunId, parsed.WantsJson(), cancellationToken);
        });
        return command;
    }
}
