using System.CommandLine;
using CramGrains.Client.Connection;

namespace CramGrains.Client.Commands;

/// <summary><c>cram quickstart</c>: a whole run, from text to report, on this machine.</summary>
internal static class QuickstartCommand
{
    private const string Recipe = "quickstart";

    public static Command Create()
    {
        var options = new SubmissionOptions();
        var keep = new Option<bool>("--keep") { Description = "Leave the silo that was started running afterwards." };
        var command = new ExampleCommand(
            "quickstart", "Trains a small BERT from scratch on real text under a budget of a minute, fine-tunes it on GLUE and prints the scores.",
            ("cram quickstart", "on the reference documentation that every .NET SDK carries"),
            ("cram quickstart --corpus ~/books --budget 5m", "on your own text, for five minutes"),
            ("cram quickstart --glue ~/glue_data --json > report.json", "with fine-tuning, for a script"));
        options.AddTo(command);
        command.Add(keep);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var request = options.Read(parsed, Recipe);
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            await SubmissionOptions.SubmitAsync(session, request, cancellationToken);
            try
            {
                await RunEnd.FollowAsync(session, request.RunId, parsed.WantsJson(), cancellationToken);
            }
            catch (OperationCanceledException)
            {
                // The run belongs to this command: nothing of it stays behind to train on unwatched.
                await session.Run(request.RunId).CancelAsync(request.User);
                await RunEnd.FollowAsync(session, request.RunId, parsed.WantsJson(), CancellationToken.None);
                await Console.Error.WriteLineAsync($"Interrupted; run {request.RunId} is cancelled.");
                return ExitCodes.Interrupted;
            }

            if (parsed.GetValue(keep))
            {
                await session.KeepSiloAsync();
            }

            return await RunEnd.ReportAsync(session, request.RunId, parsed.WantsJson());
        });
        return command;
    }
}
