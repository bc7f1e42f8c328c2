using System.CommandLine;
using CramGrains.Client.Connection;
using CramGrains.Client.Rendering;
using CramGrains.Interfaces.Devices;

namespace CramGrains.Client.Commands;

/// <summary>What an operator asks of devices: <c>cordon</c>, <c>drain</c>, <c>return</c>, <c>forget</c>. Exit code 1 when it was refused.</summary>
internal static class DeviceControlCommands
{
    public static IEnumerable<Command> Create() => [CreateCordon(), CreateDrain(), CreateReturn(), CreateForget()];

    private static ExampleCommand CreateCordon()
    {
        var command = new ExampleCommand("cordon", "Places nothing new on a device or a machine; what runs there goes on.", ("cram cordon lab-1/gpu0 --reason 'fan is loud'", "one GPU"));
        var reason = Reason(command);
        return With(command, parsed => (DeviceCommandKind.Cordon, parsed.GetValue(reason)));
    }

    private static ExampleCommand CreateDrain()
    {
        var command = new ExampleCommand(
            "drain", "Empties a device or a machine: `cram devices` says drained when nothing runs there any more.",
            ("cram drain lab-1 --now --reason 'new power supply'", "runs save a checkpoint and go on elsewhere"), ("cram drain lab-1/gpu0", "after what runs there has ended"));
        var now = new Option<bool>("--now") { Description = "What runs there saves a checkpoint and goes on elsewhere; that counts as no failure." };
        var after = new Option<bool>("--after-current") { Description = "What runs there goes on to its end. The default." };
        command.Add(now);
        command.Add(after);
        var reason = Reason(command);
        return With(command, parsed => parsed.GetValue(now) && parsed.GetValue(after)
            ? throw new CommandException(ExitCodes.Usage, "--now and --after-current exclude each other. Give one.")
            : (parsed.GetValue(now) ? DeviceCommandKind.DrainNow : DeviceCommandKind.DrainAfterCurrent, parsed.GetValue(reason)));
    }

    private static ExampleCommand CreateReturn()
    {
        var command = new ExampleCommand("return", "Takes a cordoned or drained device or machine back into use.", ("cram return lab-1", "all its devices"));
        command.Aliases.Add("undrain");
        command.Aliases.Add("uncordon");
        return With(command, _ => (DeviceCommandKind.Return, null));
    }

    private static ExampleCommand CreateForget() => With(
        new ExampleCommand(
            "forget", "Strikes a machine that has left the lab for good off the list of devices. Refused while it reports or a run may still hold a device of it.",
            ("cram forget lab-3", "it was sold; should it ever come back, it registers by itself")),
        _ => (DeviceCommandKind.Forget, null),
        new Argument<string>("MACHINE") { Description = "A machine whose devices `cram devices` says are lost." });

    private static Option<string> Reason(Command command)
    {
        var reason = new Option<string>("--reason") { Description = "Why, for those who wonder.", HelpName = "TEXT" };
        command.Add(reason);
        return reason;
    }

    private static ExampleCommand With(ExampleCommand command, Func<ParseResult, (DeviceCommandKind Kind, string? Reason)> read, Argument<string>? target = null)
    {
        target ??= new Argument<string>("TARGET") { Description = "A device, as `cram devices` names it, or a machine for all that it has." };
        command.Add(target);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (kind, reason) = read(parsed);
            var order = new DeviceCommand(CommandIds.New(), parsed.GetRequiredValue(target), kind, Environment.UserName, reason);
            await using var session = await CramSession.OpenAsync(parsed.Target(), cancellationToken);
            var outcome = await session.AskAsync(s => s.Scheduler.CommandDevicesAsync(order), cancellationToken);
            if (parsed.WantsJson())
            {
                CramJson.Print(new { target = order.Target, outcome.Accepted, outcome.Message });
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
