using System.Globalization;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Silo.Scheduling;

/// <summary>What operators ask of devices. The id, the answer and the change are one write.</summary>
internal sealed partial class SchedulerDesk
{
    private const int CommandsKept = 200;

    /// <inheritdoc cref="Interfaces.Scheduling.ISchedulerGrain.CommandDevicesAsync"/>
    public async Task<CommandOutcome> CommandDevicesAsync(DeviceCommand command)
    {
        if (state.Commands.Find(c => c.CommandId == command.CommandId) is { } answered)
        {
            await DurableAsync();
            return new CommandOutcome(answered.Accepted, answered.Message);
        }

        List<string> targets = [.. state.Devices.Values.Where(d => d.Report.DeviceId == command.Target || d.Report.Machine == command.Target)
            .Select(d => d.Report.DeviceId).Order(StringComparer.Ordinal)];
        if (targets.Count == 0)
        {
            targets = [.. OrdersFor(command.Target)];
        }

        if (targets.Count == 0)
        {
            return new CommandOutcome(false, $"there is no device or machine '{command.Target}'; `cram devices` lists them.");
        }

        // What was refused is remembered too: a copy of the command that is late must not do what its sender was told is not done.
        CommandOutcome outcome = command.Kind == DeviceCommandKind.Forget ? Forget(command.Target) : Order(command, targets);
        state.Commands.Add(new AnsweredCommand(command.CommandId, outcome.Accepted, outcome.Message));
        state.Commands.RemoveRange(0, Math.Max(0, state.Commands.Count - CommandsKept));
        await PlanAsync(save: true);
        return outcome;
    }

    private CommandOutcome Order(DeviceCommand command, List<string> targets)
    {
        string names = string.Join(", ", targets);
        string? message = command.Kind switch
        {
            DeviceCommandKind.Cordon => $"{names}: nothing new is placed there",
            DeviceCommandKind.DrainAfterCurrent => $"{names}: drained once what runs there has ended",
            DeviceCommandKind.DrainNow => $"{names}: what runs there saves a checkpoint and goes on elsewhere",
            DeviceCommandKind.Return => $"{names}: back in use",
            _ => null,
        };
        if (message is null)
        {
            return new CommandOutcome(false, $"this silo does not know command {(int)command.Kind}; it is older than the client");
        }

        foreach (string target in targets)
        {
            if (command.Kind == DeviceCommandKind.Return)
            {
                state.DeviceOrders.Remove(target);
            }
            else
            {
                state.DeviceOrders[target] = new DeviceOrder(command.Kind, command.User, command.Reason, clock.UtcNow);
            }
        }

        return new CommandOutcome(true, message);
    }

    /// <summary>Forgets a machine that has gone. Nobody's run is touched: whoever may still have a device there stands in the way, until it has gone on elsewhere by its own rule.</summary>
    private CommandOutcome Forget(string machine)
    {
        if (machine.Contains('/', StringComparison.Ordinal))
        {
            return new CommandOutcome(false, $"{machine} is one device; only a machine with all that it has can be forgotten: `cram forget {DeviceIds.Machine(machine)}`.");
        }

        List<string> devices = [.. state.Devices.Values.Where(d => d.Report.Machine == machine).Select(d => d.Report.DeviceId)];
        if (devices.Count > 0 && StillAlive(machine, devices) is { } alive)
        {
            return new CommandOutcome(false, alive);
        }

        List<string> holders = [.. state.Items.Values.Where(i => i.DeviceId is not null && DeviceIds.Machine(i.DeviceId) == machine).Select(i => $"{i.Item.ItemId} on {i.DeviceId}")];
        if (holders.Count > 0)
        {
            return new CommandOutcome(
                false,
                $"the lease of {string.Join(", ", holders)} may still be live. It is taken back when the machine has been silent for cram:runs:MachineLostSeconds; forget the machine then.");
        }

        devices.ForEach(Remove);
        OrdersFor(machine).ToList().ForEach(device => state.DeviceOrders.Remove(device));

        return new CommandOutcome(true, $"{machine} is forgotten, with what was ordered for it; a silo of that name registers it again");
    }

    /// <summary>Why the machine cannot be taken for gone; null when it can. What another scheduler has heard proves nothing here: this one must have listened itself.</summary>
    private string? StillAlive(string machine, List<string> devices)
    {
        List<TimeSpan> silences = [.. devices.Where(_heard.ContainsKey).Select(d => clock.Time.GetElapsedTime(_heard[d]))];
        TimeSpan silence = silences.Count > 0 ? silences.Min() : clock.Time.GetElapsedTime(_started.Timestamp);
        return silence > lostAfter ? null
            : silences.Count > 0 ? string.Create(
                CultureInfo.InvariantCulture,
                $"{machine} is alive: it reported {silence.TotalSeconds:0} s ago. Stop its silo first; a machine counts as gone after {lostAfter.TotalSeconds:0.#} s of silence.")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"the scheduler has just started and may not have heard of {machine} yet. Ask again in {Math.Ceiling((lostAfter - silence).TotalSeconds) + 1:0} s.");
    }

    private IEnumerable<string> OrdersFor(string target) =>
        state.DeviceOrders.Keys.Where(id => id == target || id.StartsWith(target + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    private void Remove(string deviceId)
    {
        state.Devices.Remove(deviceId);
        _lastReport.Remove(deviceId);
        _heard.Remove(deviceId);
        _temperatures.Remove(deviceId);
    }
}
