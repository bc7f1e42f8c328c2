using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Tests.Artefacts;
using CramGrains.Silo.Tests.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Logging.Abstractions;

namespace CramGrains.Silo.Tests.Devices;

/// <summary>How long a worker that has been asked to stop may take for its last checkpoint, on a machine whose clock is set meanwhile.</summary>
public sealed class StoppingWorkerTests
{
    private static readonly WorkOrder Order = new("r-1", 3, WorkerJob.Pretrain, "{}", "corpus");
    private static readonly DeviceOptions Options = new();
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(Options.StopGraceSeconds), Hour = TimeSpan.FromHours(1);
    private readonly SetClock _time = new();
    private readonly TrainerRecord _state = new() { Epoch = Order.LeaseEpoch, Order = Order };
    private readonly IWorkerHost _host;
    private int _kills;

    public StoppingWorkerTests()
    {
        var running = new WorkerStatus("r-1", Order.LeaseEpoch, WorkerJob.Pretrain, 1, WorkerPhase.Running, TerminationReason.None, "saving", 0, null, [], null);
        _host = Answers.Make<IWorkerHost>(called =>
        {
            _kills += called.Name == nameof(IWorkerHost.KillAsync) ? 1 : 0;
            return called.Name == nameof(IWorkerHost.PollAsync) ? Task.FromResult<WorkerStatus?>(running) : Task.CompletedTask;
        });
    }

    [Fact]
    public async Task LookAfterAsync_ClockSetForward_LeavesItsTimeToAWorkerThatSaves()
    {
        DeviceTrainer trainer = Trainer();
        await trainer.StopAsync(Order.LeaseEpoch, TerminationReason.Preempted);

        _time.WallError = Hour;
        await trainer.LookAfterAsync(CancellationToken.None);
        Assert.Equal(0, _kills);

        _time.Pass(Grace + TimeSpan.FromSeconds(1));
        await trainer.LookAfterAsync(CancellationToken.None);
        Assert.Equal(1, _kills);
    }

    [Fact]
    public async Task LookAfterAsync_ClockSetBack_KillsAWorkerThatDoesNotHeedWhenItsTimeIsOver()
    {
        DeviceTrainer trainer = Trainer();
        await trainer.StopAsync(Order.LeaseEpoch, TerminationReason.Cancelled);

        _time.WallError = -Hour;
        _time.Pass(Grace + TimeSpan.FromSeconds(1));
        await trainer.LookAfterAsync(CancellationToken.None);

        Assert.Equal(1, _kills);
    }

    [Fact]
    public async Task LookAfterAsync_SiloHasStartedAnewMeanwhile_KillsItAfterAnotherGraceAtMost()
    {
        await Trainer().StopAsync(Order.LeaseEpoch, TerminationReason.Cancelled);
        _time.WallError = -Hour;

        DeviceTrainer next = Trainer();
        await next.LookAfterAsync(CancellationToken.None);
        _time.Pass(Grace + TimeSpan.FromSeconds(1));
        await next.LookAfterAsync(CancellationToken.None);

        Assert.Equal(1, _kills);
    }

    private DeviceTrainer Trainer()
    {
        IBudgetClockGrain budget = Answers.Make<IBudgetClockGrain>(_ => Task.FromResult(new BudgetReading(true, Order.LeaseEpoch, 0)));
        return new DeviceTrainer("m0/gpu0", _state, () => Task.CompletedTask, _host, Assignment, _ => budget, Options, new SiloClock(_time), NullLogger.Instance);
    }

    private static WorkerAssignment Assignment(string deviceId, WorkOrder order) => new(
        WorkerAssignment.CurrentVersion, order.RunId, order.LeaseEpoch, order.Job, order.RecipeJson, deviceId, null, "", "folder", Options.WorkerLeaseSeconds, "", order.CorpusDigest, null, 0, null, null, 0);
}
