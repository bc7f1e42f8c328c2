using Orleans.Storage;

namespace CramGrains.Silo.Hosting;

/// <summary>
/// Tells failures of the store in words that clients can read, also where no call filter sees them: a grain whose state cannot be read fails
/// while it is being activated. Conflicts of versions pass through as they are, since grains act on them.
/// </summary>
internal sealed class ReadableStorage(IGrainStorage inner) : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>
{
    /// <summary>Puts itself before the storage that is registered under a name.</summary>
    public static void Wrap(IServiceCollection services, string name)
    {
        ServiceDescriptor wrapped = services.Last(s => s.ServiceType == typeof(IGrainStorage) && s.IsKeyedService && Equals(s.ServiceKey, name));
        services.Remove(wrapped);
        services.AddKeyedSingleton<IGrainStorage>(name, (provider, key) => new ReadableStorage((IGrainStorage)wrapped.KeyedImplementationFactory!(provider, key)));
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => TellAsync(() => inner.ReadStateAsync(stateName, grainId, grainState));

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => TellAsync(() => inner.WriteStateAsync(stateName, grainId, grainState));

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => TellAsync(() => inner.ClearStateAsync(stateName, grainId, grainState));

    public void Participate(ISiloLifecycle lifecycle) => (inner as ILifecycleParticipant<ISiloLifecycle>)?.Participate(lifecycle);

    private static async Task TellAsync(Func<Task> access)
    {
        try
        {
            await access();
        }
        catch (Exception problem) when (StoreErrors.IsOfTheStore(problem))
        {
            throw StoreErrors.Readable(problem);
        }
    }
}
