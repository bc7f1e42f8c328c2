using System.Globalization;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Simulation;

/// <summary>What users do: submit runs and command runs and devices, asking again with the same id until they are answered. And what must be so in the end.</summary>
internal sealed class SimScenario(SimCluster cluster)
{
    private readonly SimWorld _world = cluster.World;
    private readonly Dictionary<string, SimSubmit> _submits = new(StringComparer.Ordinal);
    private readonly HashSet<string> _acknowledged = [];
    private readonly HashSet<string> _cancelTried = [];
    private readonly HashSet<string> _cancelled = [];
    private int _openRequeues;
    private readonly HashSet<string> _final = [];
    private int _open;
    private int _commands;

    /// <summary>Runs that the stored scheduler takes for active.</summary>
    public IReadOnlyList<string> Active { get; set; } = [];

    public bool AllEnded => _open == 0 && _submits.Keys.All(Ended);

    public string Unfinished => string.Join("; ", _submits.Keys.Where(id => !Ended(id)).Select(id => (Id: id, Run: Stored(id)))
        .Select(r => $"{r.Id} is {r.Run.State}: {r.Run.Message}")) + (_open > 0 ? $"; {_open} commands are unanswered" : "");

    /// <summary>A run's state has been written.</summary>
    public void RunStored(string id, bool final)
    {
        if (final ? _final.Add(id) : _final.Remove(id))
        {
            _world.Say($"{id} is stored as {(final ? "ended" : "going on")}");
        }
    }

    public void Begin()
    {
        for (int i = 0; i < cluster.Plan.Runs; i++)
        {
            string id = $"r{i}";
            string user = _world.Below(3) == 0 ? "bob" : "ada";
            double budget = _world.Below(3) == 0 ? _world.Between(150, 400) : _world.Between(30, 100);
            var request = new SubmitRun(
                id, null, budget.ToString(CultureInfo.InvariantCulture), "", [], budget, [], null, user, _world.Below(3),
                After: i > 0 && _world.Below(5) == 0 ? $"r{_world.Below(i)}" : null,
                Hold: _world.Below(6) == 0,
                Requeue: _world.Below(10) switch { 0 => RequeuePolicy.Never, 1 or 2 when cluster.Expendable is null => RequeuePolicy.SameMachine, _ => RequeuePolicy.Any });
            SimMachine? machine = _world.Below(3) == 0 ? cluster.Machines[_world.Below(cluster.Machines.Count)] : null;
            _submits[id] = new SimSubmit(request, machine is null || machine == cluster.Expendable ? "" : machine.Name);
            if (request.After is null)
            {
                _world.After(_world.Between(0, 60_000), () => Submit(id));
            }
        }

        for (int i = 0; i < 2 + _world.Below(4); i++)
        {
            _world.After(_world.Between(10_000, (long)cluster.Plan.Chaos.TotalMilliseconds), SomethingElse);
        }

        _world.After(_world.Between(10_000, (long)cluster.Plan.Chaos.TotalMilliseconds), () => Forget(cluster.Expendable ?? cluster.Machines[_world.Below(cluster.Machines.Count)]));
    }

    /// <summary>What must be so once everything has ended.</summary>
    public void CheckEnd()
    {
        foreach ((string id, SimSubmit submit) in _submits)
        {
            RunRecord run = Stored(id);
            double budget = submit.Request.BudgetSeconds!.Value, trained = cluster.Workers.Trained(id);
            BudgetAccount account = cluster.Store.Read<BudgetAccount>(SimGrains.BudgetPrefix + id);
            _world.Require(!_acknowledged.Contains(id) || run.Request is not null, () => $"{id} was acknowledged and is lost");
            bool dependency = run.Reason == TerminationReason.DependencyFailed;
            _world.Require(
                run.State == RunState.Succeeded || (run.State == RunState.Cancelled && (dependency || _cancelTried.Contains(id)))
                    || (run.State == RunState.Failed && submit.Request.Requeue == RequeuePolicy.Never),
                () => $"{id} ended as {run.State} ({run.Reason}: {run.Message})");
            _world.Require(!_cancelled.Contains(id) || run.State == RunState.Cancelled, () => $"the cancel of {id} was acknowledged, yet it ended as {run.State}");
            _world.Require(account.UsedSeconds <= trained + 0.01, () => $"{id}: {account.UsedSeconds:0.000} s are charged, {trained:0.000} s were trained");
            _world.Require(run.State != RunState.Succeeded || account.UsedSeconds >= budget - 0.01, () => $"{id} succeeded with {account.UsedSeconds:0.000} s of {budget:0} s used");

            // What a worker trained and nobody could hear of is at most a lease and a poll long, once per attempt.
            double forgotten = run.Pretraining.Number * (cluster.Devices.WorkerLeaseSeconds + 15);
            _world.Require(trained - account.UsedSeconds <= forgotten, () => $"{id}: {trained:0.000} s were trained, only {account.UsedSeconds:0.000} s are charged");
        }

        SchedulerRecord scheduler = cluster.Store.Read<SchedulerRecord>(SimGrains.Scheduler);
        _world.Require(scheduler.Items.Count == 0, () => $"all runs have ended, yet {string.Join(", ", scheduler.Items.Keys)} holds a device");
        _world.Require(scheduler.ActiveRuns.Count == 0, () => $"all runs have ended, yet {string.Join(", ", scheduler.ActiveRuns.Keys)} counts as active");
    }

    /// <summary>Ended, and the scheduler knows. Whether the run has noted that too is of no consequence: there is nothing left to do.</summary>
    private bool Ended(string id) => _final.Contains(id) && !Active.Contains(id);

    private RunRecord Stored(string id) => cluster.Store.Read<RunRecord>(SimGrains.RunPrefix + id);

    private void Submit(string id) => Ask(
        SimGrains.RunPrefix + id,
        a => ((SimRun)a).SubmitAsync(_submits[id]),
        outcome =>
        {
            _world.Require(outcome.Accepted, () => $"{id} was refused: {string.Join(" ", outcome.Problems)}");
            _acknowledged.Add(id);
            foreach (string next in _submits.Where(s => s.Value.Request.After == id).Select(s => s.Key).ToList())
            {
                Submit(next); // a run that follows another is only accepted when that one is there
            }

            _world.Require(Stored(id).Request is not null, () => $"{id} is acknowledged and not stored");
            if (_submits[id].Request.Hold)
            {
                Later(() => Command(id, RunCommandKind.Release));
            }
        });

    private void SomethingElse()
    {
        // Clients look a run up before they command it: that there is none is an answer that nobody can remember, so a late copy of such a command would count.
        string id = $"r{_world.Below(cluster.Plan.Runs)}";
        const int ofDevices = 8;
        switch (_acknowledged.Contains(id) ? _world.Below(ofDevices) : ofDevices)
        {
            case 0 or 1:
                Command(id, RunCommandKind.Pause, () => Later(() => Command(id, RunCommandKind.Resume)));
                break;
            case 2:
                Command(id, RunCommandKind.Hold, () => Later(() => Command(id, RunCommandKind.Release)));
                break;
            case 3 when !_cancelTried.Contains(id):
                Command(id, RunCommandKind.Requeue);
                break;
            case 4 when _cancelTried.Count == 0 && id == "r0" && _openRequeues == 0: // one that is still on its way would rightly take the cancel back
                _cancelTried.Add(id);
                Command(id, RunCommandKind.Cancel);
                break;
            default:
                SimMachine machine = cluster.Machines[_world.Below(cluster.Machines.Count)];
                string target = _world.Below(2) == 0 ? machine.Name : machine.Devices[0];
                var kind = (DeviceCommandKind)(1 + _world.Below(3));
                Device(target, kind, () => Later(() => Device(target, DeviceCommandKind.Return)));
                break;
        }
    }

    private void Later(Action action) => _world.After(_world.Between(5000, 90_000), action);

    private void Command(string id, RunCommandKind kind, Action? then = null)
    {
        var command = new RunCommand($"c{_commands++}", kind, "eve");
        _openRequeues += kind == RunCommandKind.Requeue ? 1 : 0;
        Ask(SimGrains.RunPrefix + id, a => ((SimRun)a).CommandAsync(command), outcome =>
        {
            _world.Say($"{kind} of {id} answered: {outcome.Message}");
            _openRequeues -= kind == RunCommandKind.Requeue ? 1 : 0;
            if (outcome.Accepted && kind == RunCommandKind.Cancel)
            {
                _cancelled.Add(id);
            }

            then?.Invoke();
        });
    }

    private void Device(string target, DeviceCommandKind kind, Action? then = null)
    {
        var command = new DeviceCommand($"c{_commands++}", target, kind, "eve", "simulated");
        Ask(SimGrains.Scheduler, a => ((SimScheduler)a).Desk.CommandDevicesAsync(command), outcome =>
        {
            _world.Say($"{kind} of {target} answered: {outcome.Message}");
            then?.Invoke();
        }, interleaves: true);
    }

    /// <summary>An operator who takes a machine for gone, wrongly as long as it may come back, and asks until it is off the list. One that is lost for good must come off it.</summary>
    private void Forget(SimMachine machine)
    {
        _open++; // until its last word: whoever waits to ask again has not been answered
        Device(machine.Name, DeviceCommandKind.Forget, () =>
        {
            if (machine.Lost ? cluster.Store.Read<SchedulerRecord>(SimGrains.Scheduler).Devices.Values.Any(d => d.Report.Machine == machine.Name) : _world.Chaos)
            {
                Later(() =>
                {
                    _open--;
                    Forget(machine);
                });
            }
            else
            {
                _open--;
            }
        });
    }

    private async void Ask<T>(string key, Func<SimActivation, Task<T>> method, Action<T> answered, bool interleaves = false)
    {
        _open++;
        while (true)
        {
            try
            {
                T answer = await cluster.CallAsync(null, key, method, interleaves);
                _open--;
                answered(answer);
                return;
            }
            catch (Exception problem) when (problem is TimeoutException or OrleansException or IOException)
            {
                var again = new TaskCompletionSource();
                _world.After(_world.Between(1000, 8000), again.SetResult);
                await again.Task;
            }
        }
    }
}
