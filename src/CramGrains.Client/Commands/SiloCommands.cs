using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;
using CramGrains.Interfaces.Scheduling;

namespace CramGrains.Client.Commands;

/// <summary><c>cram up</c> and <c>cram down</c>: this machine's silo.</summary>
internal static class SiloCommands
{
    private static readonly TimeSpan CancelLimit = TimeSpan.FromSeconds(150); // longer than a silo leaves a worker to stop by itself (cram:devices:StopGraceSeconds)
    private static readonly RunQuery Unfinished = new(RunQuery.LargestLimit, UnfinishedOnly: true);

    public static Command CreateUp()
    {
        var port = new Option<int?>("--http-port") { Description = "Port of /metrics, /healthz and --cluster. Default: a free one.", HelpName = "N" };
        var devices = new Option<string>("--devices") { Description = "auto, cpu, cpu:N (N simulated devices) or none.", DefaultValueFactory = _ => "auto", HelpName = "WHICH" };
        var command = new ExampleCommand(
            "up", "Starts a silo on this machine, in the background.", ("cram up", "with free ports"), ("cram up --http-port 9464", "where Prometheus looks for it"));
        command.Add(port);
        command.Add(devices);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var home = parsed.Target().Home;
            var running = SiloDescription.TryRead(home);
            List<string> arguments = ["--devices", parsed.GetRequiredValue(devices)];
            if (parsed.GetValue(port) is { } http)
            {
                arguments.AddRange(["--http-port", http.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            }

            var silo = running ?? await LocalSilo.StartAsync(home, arguments, cancellationToken);
            if (parsed.WantsJson())
            {
                CramJson.Print(new { started = running is null, silo });
            }
            else
            {
                Console.Out.WriteLine($"{(running is null ? "Started" : "Already running")}: silo of {home}, process {silo.Pid}, metrics at {silo.Metrics}");
            }

            return ExitCodes.Done;
        });
        return command;
    }

    public static Command CreateDown()
    {
        var now = new Option<bool>("--now") { Description = "Cancel all runs first, so that no worker trains on. Not for a member of a cluster, whose runs are everybody's." };
        var command = new ExampleCommand(
            "down", "Stops this machine's silo. Workers train on until their lease runs out, and are taken up by the next `cram up`.",
            ("cram down", "for an upgrade: no step is lost"), ("cram down --now", "cancels what runs"));
        command.Add(now);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var home = parsed.Target().Home;
            if (SiloDescription.TryRead(home) is not { } silo)
            {
                return Say(parsed, stopped: false, $"No silo serves {home}.");
            }

            if (parsed.GetValue(now) && silo.IsMember)
            {
                throw new CommandException(
                    ExitCodes.Usage,
                    $"The silo of {home} is a member of cluster '{silo.ClusterId}', and --now would cancel the runs of all its machines. Have what runs on this one go on elsewhere (cram drain {silo.Machine} --now) or cancel single runs (cram cancel RUN), then: cram down");
            }

            if (parsed.GetValue(now))
            {
                await CancelAllAsync(parsed.Target(), cancellationToken);
            }

            var clean = await LocalSilo.StopAsync(silo);
            return Say(parsed, stopped: true, clean ? $"Stopped the silo of {home}." : $"The silo of {home} did not stop in time and was killed; its state is durable.");
        });
        return command;
    }

    private static int Say(ParseResult parsed, bool stopped, string message)
    {
        if (parsed.WantsJson())
        {
            CramJson.Print(new { stopped, message });
        }
        else
        {
            Console.Out.WriteLine(message);
        }

        return ExitCodes.Done;
    }

    private static async Task CancelAllAsync(ClusterTarget target, CancellationToken cancellationToken)
    {
        await using var session = await CramSession.OpenAsync(target with { Address = null }, cancellationToken);
        await foreach (var run in session.RunsAsync(Unfinished))
        {
            await session.Run(run.RunId).CancelAsync(Environment.UserName);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(CancelLimit);
        try
        {
            while (await session.RunsAsync(Unfinished).AnyAsync(run => run.EndedAt is null, limit.Token))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(
                ExitCodes.RunFailed,
                $"Runs have not ended {CancelLimit.TotalSeconds:F0} s after they were cancelled, so the silo goes on; `cram runs` names them. Ask again, or stop it without them: cram down --home {target.Home}");
        }
    }
}
