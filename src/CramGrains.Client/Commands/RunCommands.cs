using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;
using CramGrains.Interfaces.Runs;
using CramGrains.Interfaces.Scheduling;

namespace CramGrains.Client.Commands;

/// <summary>Commands that look at runs: <c>runs</c>, <c>show</c>, <c>results</c>, <c>logs</c>.</summary>
internal static class RunCommands
{
    public static Command CreateRuns()
    {
        var limit = new Option<int>("--limit") { Description = "At most so many, newest first.", DefaultValueFactory = _ => 50, HelpName = "N" };
        var after = new Option<string?>("--after") { Description = "Only runs that come after this one in the list.", HelpName = "RUN" };
        var command = new ExampleCommand("runs", "Lists runs, newest first.", ("cram runs", "what runs, what waits and why"), ("cram runs --json", "for a script"));
        command.Add(limit);
        command.Add(after);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            int wanted = parsed.GetValue(limit);
            if (wanted < 1)
            {
                throw new CommandException(ExitCodes.Usage, $"--limit must be 1 or more, got {wanted}.");
            }

            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var query = new RunQuery(Math.Min(wanted, RunQuery.LargestLimit), parsed.GetValue(after));
            var first = await session.Scheduler.PageRunsAsync(query);
            if (first.Problem is { } problem)
            {
                throw new CommandException(ExitCodes.Usage, problem);
            }

            var runs = first.Runs.ToList();
            string? next = first.Next;
            while (next is not null && runs.Count < wanted)
            {
                var page = await session.Scheduler.PageRunsAsync(query with { Limit = Math.Min(wanted - runs.Count, RunQuery.LargestLimit), After = next });
                runs.AddRange(page.Runs);
                next = page.Next;
            }

            if (parsed.WantsJson())
            {
                CramJson.Print(runs);
                return ExitCodes.Done;
            }

            Columns.Print(["Run", "Name", "User", "Priority", "State", "Budget", "Device", "Submitted", "Starts", "What"], runs.Select(Row));
            if (next is not null)
            {
                Console.Out.WriteLine($"There are more: cram runs --after {next}");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    public static Command CreateShow() => OfOneRun(
        "show", "Shows a run as it stands.",
        [("cram show latest", "state, budget, progress and what its user should know"), ("cram show r-20260101 --json", "by the beginning of its id")],
        async (session, runId, json) =>
        {
            var view = (await session.Run(runId).GetAsync())!;
            if (json)
            {
                CramJson.Print(view);
            }
            else
            {
                Print(view);
            }

            return ExitCodes.Done;
        });

    public static Command CreateResults() => OfOneRun(
        "results", "Prints a run's report: losses, budget, checkpoint and GLUE scores. Exit code 1 if the run failed.",
        [("cram results latest", "for people"), ("cram results latest --json", "one object, recipe included")],
        RunEnd.ReportAsync);

    public static Command CreateLogs()
    {
        var run = RunArgument.Create();
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on printing until the run has ended." };
        var command = new ExampleCommand("logs", "Prints a run's log.", ("cram logs latest --follow", "as it grows"), ("cram logs latest --json", "its lines in one object"));
        command.Add(run);
        command.Add(follow);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var runId = await session.ResolveRunAsync(parsed.GetRequiredValue(run));
            var lines = new List<string>();
            for (var cursor = 0L; ;)
            {
                var ended = (await session.AskAsync(s => s.Run(runId).GetAsync(), cancellationToken))?.EndedAt is not null; // Asked first: what is written before the end is read after it.
                var from = cursor;
                var chunk = await session.AskAsync(s => s.Run(runId).ReadLogAsync(from), cancellationToken);
                cursor = chunk.Cursor;
                if (parsed.WantsJson())
                {
                    lines.AddRange(chunk.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries));
                }
                else
                {
                    Console.Out.Write(chunk.Text);
                }

                if (chunk.Text.Length > 0)
                {
                    continue;
                }

                if (ended || !parsed.GetValue(follow))
                {
                    if (parsed.WantsJson())
                    {
                        CramJson.Print(new { run_id = runId, lines });
                    }

                    return ExitCodes.Done;
                }

                await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            }
        });
        return command;
    }

    private static ExampleCommand OfOneRun(
        string name, string description, (string, string)[] examples, Func<CramSession, string, bool, Task<int>> action)
    {
        var run = RunArgument.Create();
        var command = new ExampleCommand(name, description, examples);
        command.Add(run);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            return await action(session, await session.ResolveRunAsync(parsed.GetRequiredValue(run)), parsed.WantsJson());
        });
        return command;
    }

    private static string[] Row(RunView run) =>
    [
        run.RunId, run.Name, run.User, run.Priority.ToString(System.Globalization.CultureInfo.InvariantCulture), Figures.Word(run.State),
        Figures.Budget(run.BudgetUsedSeconds, run.BudgetSeconds), run.Device ?? "-", Figures.Ago(run.SubmittedAt), Figures.In(run.EstimatedStart), run.Message,
    ];

    private static void Print(RunView run)
    {
        var progress = run.Progress;
        Columns.Print(
        [
            ("run", $"{run.RunId} ({run.Name}), submitted by {run.User} {Figures.Ago(run.SubmittedAt)}"),
            ("state", $"{Figures.Word(run.State)}: {run.Message}"),
            ("queue", $"priority {run.Priority}, requeue {Figures.Word(run.Requeue)}{(run.After is null ? "" : $", after {run.After}")}{(run.HeldBy is null ? "" : $", held by {run.HeldBy}")}"),
            ("starts", run.EstimatedStart is null ? null : Figures.In(run.EstimatedStart)),
            ("pretrained", run.EstimatedEnd is null ? null : Figures.In(run.EstimatedEnd)),
            ("budget", $"{Figures.Budget(run.BudgetUsedSeconds, run.BudgetSeconds)} used"),
            ("device", run.Device is null ? null : $"{run.Device}, attempt {run.Attempts}, lease epoch {run.LeaseEpoch}"),
            ("phase", progress?.Fraction is { } fraction ? $"{progress.Phase}, {Figures.Percent(fraction)}" : progress?.Phase),
            ("training", progress?.OptimizerSteps is { } steps ? $"step {steps}, {Figures.Count(progress.TokensSeen)} tokens, {Figures.Count(progress.TokensPerSecond)} tokens/s" : null),
            ("loss", progress?.LossNats is { } loss ? $"{Figures.Loss(loss)} nats, held-out {Figures.Loss(progress.HeldOutLossNats)}" : null),
            ("checkpoint", progress?.CheckpointSteps is { } checkpoint ? $"step {checkpoint}, {Figures.Duration(progress.CheckpointAgeSeconds ?? 0)} old" : null),
            ("corpus", run.CorpusDigest),
            ("recipe", run.RecipeDigest),
            ("track", run.Track),
        ]);
        foreach (var notice in run.Notices)
        {
            Console.Out.WriteLine($"note: {notice}");
        }
    }
}
