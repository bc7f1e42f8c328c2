using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Tests.Artefacts;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using StackExchange.Redis;

namespace CramGrains.Silo.Tests.Hosting;

public sealed class ReadableStorageTests
{
    [Fact]
    public async Task ReadState_StoreIsAway_IsAnErrorThatClientsHaveATypeFor()
    {
        var storage = Wrapped(new RedisConnectionException(ConnectionFailureType.UnableToConnect, "no connection to 127.0.0.1:6379"));

        var problem = await Assert.ThrowsAsync<OrleansException>(() => storage.ReadStateAsync("run", GrainId.Create("run", "r-1"), new GrainState<string>()));

        Assert.Contains("no connection to 127.0.0.1:6379", problem.Message, StringComparison.Ordinal);
        Assert.Contains("asking again is safe", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriteState_AnotherHasWritten_StaysAConflict()
    {
        var storage = Wrapped(new InconsistentStateException("version 2 is stored, version 1 was read"));

        await Assert.ThrowsAsync<InconsistentStateException>(() => storage.WriteStateAsync("run", GrainId.Create("run", "r-1"), new GrainState<string>()));
    }

    /// <summary>A full disk, say: the client has no SQLite, and ended without a word when it was told in SQLite's own terms.</summary>
    [Fact]
    public async Task ReadAndWriteState_EmbeddedStoreFails_AreErrorsThatClientsHaveATypeFor()
    {
        string folder = Directory.CreateTempSubdirectory("cram-store-").FullName;
        try
        {
            var home = new HomeFolder(folder);
            IServiceCollection services = new ServiceCollection().AddSingleton(home);
            Answers.Make<ISiloBuilder>(_ => services).UseEmbeddedStore();
            await using ServiceProvider provider = services.BuildServiceProvider();
            var storage = provider.GetRequiredKeyedService<IGrainStorage>("cram");
            await using (var connection = new SqliteConnection($"Data Source={home.Database}"))
            {
                connection.Open();
                await new SqliteCommand("DROP TABLE grain_state", connection).ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            }

            GrainId grain = GrainId.Create("budget", "r-1");
            var state = new GrainState<BudgetAccount>(new());
            foreach (Func<Task> access in (Func<Task>[])[() => storage.WriteStateAsync("budget", grain, state), () => storage.ReadStateAsync("budget", grain, state)])
            {
                var problem = await Assert.ThrowsAsync<OrleansException>(access);
                Assert.Contains("no such table", problem.Message, StringComparison.Ordinal);
                Assert.Contains("asking again is safe", problem.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IGrainStorage Wrapped(Exception failure)
    {
        var services = new ServiceCollection();
        services.AddKeyedSingleton<IGrainStorage>("cram", (_, _) => new FailingStorage(failure));
        ReadableStorage.Wrap(services, "cram");
        return services.BuildServiceProvider().GetRequiredKeyedService<IGrainStorage>("cram");
    }

    private sealed class FailingStorage(Exception failure) : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.FromException(failure);

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.FromException(failure);

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.FromException(failure);
    }
}
