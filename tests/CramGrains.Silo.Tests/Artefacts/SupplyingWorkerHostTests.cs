using System.Reflection;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace CramGrains.Silo.Tests.Artefacts;

/// <summary>From when on the lease of a worker counts whose needs are still to be brought.</summary>
public sealed class SupplyingWorkerHostTests : IArtefactGrain, IDisposable
{
    private const double Lease = 60;
    private readonly FakeTimeProvider _time = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-supplying-").FullName;
    private readonly ProcessWorkerHost _processes = new(new WorkerCommandLine("no-such-program", []));

    /// <summary>The machine stood still while the publications of the run were asked; by now the run may train elsewhere, so nothing is even fetched for it here.</summary>
    [Fact]
    public async Task StartAsync_PublicationsAnswerAfterALease_BringsAndStartsNothing()
    {
        IGrainFactory grains = DispatchProxy.Create<IGrainFactory, OnlyThisGrain>();
        ((OnlyThisGrain)grains).Grain = this;
        using var host = new SupplyingWorkerHost(_processes, null!, null!, null!, grains, new SiloClock(_time), NullLogger<SupplyingWorkerHost>.Instance); // nothing is brought or published

        await host.StartAsync(Assignment, CancellationToken.None);
        WorkerStatus? status = await host.PollAsync(Assignment, CancellationToken.None);

        Assert.Equal((WorkerPhase.Ended, TerminationReason.LeaseExpired), (status?.Phase, status?.Reason));
        Assert.Contains("before anything could be brought", status!.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _processes.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    Task<bool> IArtefactGrain.BeginAsync(long epoch)
    {
        _time.Advance(TimeSpan.FromSeconds(Lease));
        return Task.FromResult(true);
    }

    Task<bool> IArtefactGrain.PublishAsync(long epoch, string name, string digest, string machine) => throw new NotSupportedException();

    Task IArtefactGrain.HoldAsync(string digest, string machine) => throw new NotSupportedException();

    Task IArtefactGrain.LetGoAsync(string digest, string machine) => throw new NotSupportedException();

    Task<IReadOnlyList<PublishedArtefact>> IArtefactGrain.ListAsync() => throw new NotSupportedException();

    private WorkerAssignment Assignment => new(
        WorkerAssignment.CurrentVersion, "r-1", 3, WorkerJob.Pretrain, "{}", "cpu", null, Path.Combine(_folder, "socket"), Path.Combine(_folder, "work"), Lease, "", "corpus", null, 0, null, null, 0);

    public class OnlyThisGrain : DispatchProxy
    {
        public object? Grain { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Grain;
    }
}
