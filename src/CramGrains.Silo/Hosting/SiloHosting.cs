using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Telemetry;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Serialization;
using Orleans.Storage;

namespace CramGrains.Silo.Hosting;

/// <summary>What every silo consists of, whether embedded, in a cluster or in a test.</summary>
internal static class SiloHosting
{
    public const string StorageName = "cram";

    /// <param name="services">The host's services.</param>
    /// <param name="configuration">Sections <c>cram:runs</c> and <c>cram:devices</c>.</param>
    /// <param name="silo">What this silo is.</param>
    public static void AddCramServices(this IServiceCollection services, IConfiguration configuration, SiloOptions silo)
    {
        services.AddOptions<SiloOptions>().Configure(o => (o.Home, o.Machine, o.Devices, o.LockFolder) = (silo.Home, silo.Machine, silo.Devices, silo.LockFolder)).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<RunOptions>().Bind(configuration.GetSection("cram:runs")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<DeviceOptions>().Bind(configuration.GetSection("cram:devices")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<RunOptions>().PostConfigure<Microsoft.Extensions.Options.IOptions<DeviceOptions>>((runs, devices) => runs.WorkerLeaseSeconds = devices.Value.WorkerLeaseSeconds);
        services.AddOptions<Scheduling.SchedulingOptions>().Bind(configuration.GetSection("cram:scheduling")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<RunOptions>, LeaseOrderCheck>();
        services.AddMetrics();
        services.TryAddSingleton(new HomeFolder(silo.Home, shared: null, silo.LockFolder));
        services.TryAddSingleton<IRunLogs, FileRunLogs>();
        services.AddSingleton<WorkerAssignments>();
        services.TryAddSingleton<IGpuProbe, MachineGpus>();
        services.AddSingleton<DeviceInventory>();
        services.AddSingleton<CramMetrics>();
        services.TryAddSingleton(new SiloClock(TimeProvider.System));
        services.TryAddSingleton(_ => WorkerCommandLine.OfThisProgram());
        services.TryAddSingleton<IWorkerHost, ProcessWorkerHost>();
        services.AddArtefacts(configuration);
        services.AddHostedService<ResumeAtStart>();
    }

    /// <summary>The grains' surroundings that do not depend on where membership and state are kept.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="silo">What this silo is.</param>
    /// <param name="reachable">Where it listens; null in tests that have no sockets.</param>
    public static ISiloBuilder AddCramGrains(this ISiloBuilder builder, SiloOptions silo, SiloDescription? reachable = null)
    {
        builder.UseSiloMetadata(MachineMetadata.Of(silo, reachable));
        builder.AddPlacementDirector<PinToMachinePlacement, PinToMachineDirector>();
        builder.AddGrainService<DeviceAgent>();
        // A grain that finds no place in time fails with a TimeoutException around Polly's own, which must be able to travel: else the caller is told of a missing codec, and does not ask again.
        builder.Services.Configure<ExceptionSerializationOptions>(exceptions => exceptions.SupportedNamespacePrefixes.Add("Polly"));
        // The simulated world speaks through the grains' interfaces; what implements them there is no grain.
        builder.Services.PostConfigure<Orleans.Configuration.GrainTypeOptions>(types => types.Classes.RemoveWhere(t => t.Namespace == typeof(Simulation.SimWorld).Namespace));
        return builder;
    }

    /// <summary>State in SQLite under the home folder; reminders in memory, since <see cref="ResumeAtStart"/> brings back every unfinished run.</summary>
    public static ISiloBuilder UseEmbeddedStore(this ISiloBuilder builder)
    {
        builder.Services.AddSingleton<IGrainStorageSerializer, StateSerializer>();
        builder.Services.AddKeyedSingleton<IGrainStorage>(StorageName, (services, _) =>
            new SqliteGrainStorage(services.GetRequiredService<HomeFolder>().Database, new StateSerializer()));
        ReadableStorage.Wrap(builder.Services, StorageName);
        builder.UseInMemoryReminderService();
        return builder;
    }
}
