using CramGrains.Interfaces.Access;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace CramGrains.Silo.Artefacts;

/// <summary>What makes artefacts travel in a cluster, and what stands in for it in a silo that is alone.</summary>
internal static class ArtefactHosting
{
    /// <summary>For every silo. Whoever comes first wins, so a cluster's own parts are added before.</summary>
    public static void AddArtefacts(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ArtefactOptions>().Bind(configuration.GetSection("cram:artefacts")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<RetentionOptions>().Bind(configuration.GetSection("cram:retention")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<GlueOffers>();
        services.AddSingleton<ArtefactFolders>();
        services.TryAddSingleton<IMachines, MemberMachines>();
        services.TryAddSingleton(services => new ArtefactFetcher(services.GetService<ClusterCertificates>(), services.GetService<AccessToken>()));
        services.AddSingleton<Deliveries>();
        services.AddSingleton<CorpusCopies>();
        services.AddSingleton<CheckpointCopies>();
        services.TryAddSingleton<ISourceFinder, LocalSources>();
        services.TryAddSingleton<IWorkPlacement, WorkWhereDataIs>();
        services.AddSingleton<RetentionSweeper>();
        services.AddHostedService(services => services.GetRequiredService<RetentionSweeper>());
    }

    /// <summary>For a member of a cluster, before <see cref="AddArtefacts"/>.</summary>
    public static void AddTravellingArtefacts(this IServiceCollection services, ClusterMemberOptions member)
    {
        services.AddSingleton(Microsoft.Extensions.Options.Options.Create(member));
        services.AddSingleton<ISourceFinder, ClusterSources>();
        services.AddSingleton<IWorkPlacement, DataFollowsWork>();
        services.AddSingleton<Publisher>();
        services.AddSingleton<Supplies>();
        services.AddSingleton<ProcessWorkerHost>();
        services.AddSingleton<IWorkerHost, SupplyingWorkerHost>();
    }
}
