using System.Text.Json;
using CramGrains.Silo.Worker;
using StackExchange.Redis;

namespace CramGrains.Silo.Hosting;

/// <summary>Which store this silo works with, and who this home is there; the file <c>store.json</c> in the home folder.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Store">Random name that the first silo gave the store.</param>
/// <param name="Home">Random name that this home gave itself.</param>
internal sealed record StoreMemory(string Cluster, string Store, string Home);

/// <summary>Makes sure that the store is the one that this home has worked with, and that no other home goes by this machine's name.</summary>
/// <remarks>
/// A Redis that comes back without its data would let lease epochs begin again at one: the fence would be gone, and runs that were acknowledged would be
/// forgotten in silence. So the store carries a name that every silo remembers, and a silo that finds another one, or none, refuses to work.
/// </remarks>
internal sealed class StoreIdentity(IConnectionMultiplexer redis, string cluster, HomeFolder home)
{
    private RedisKey NameKey => $"{cluster}/store";

    private RedisKey MachinesKey => $"{cluster}/machines";

    /// <exception cref="StartupException">The store has lost its data or is another one, or the machine's name is taken.</exception>
    public async Task CheckAsync(string machine)
    {
        IDatabase database = redis.GetDatabase();
        StoreMemory? remembered = TryRead();
        if (remembered is not null && remembered.Cluster != cluster)
        {
            throw new StartupException(
                $"home {home.Root} belongs to cluster '{remembered.Cluster}', but cram:cluster:Id is '{cluster}'. Give it another home, or delete {home.StoreFile} to leave that cluster.");
        }

        if (remembered is null)
        {
            await database.StringSetAsync(NameKey, Guid.NewGuid().ToString("N"), when: When.NotExists);
            remembered = new StoreMemory(cluster, (await database.StringGetAsync(NameKey)).ToString(), Guid.NewGuid().ToString("N"));
            AtomicFile.WriteText(home.StoreFile, JsonSerializer.Serialize(remembered, WorkerJson.Options));
        }
        else if (await FindLossAsync() is { } loss)
        {
            throw new StartupException(
                $"{loss} Bring its data back (its append-only file or a snapshot). To begin anew and give up every run it knew, delete {home.StoreFile} on every machine.");
        }

        await ClaimAsync(machine);
        string? holder = await database.HashGetAsync(MachinesKey, machine);
        if (holder != remembered.Home)
        {
            throw new StartupException(
                $"cram:silo:Machine: the name '{machine}' belongs to another home of cluster '{cluster}'. Give another with --machine NAME; " +
                $"if that home is gone for good, free its name: cram forget {machine}, or redis-cli hdel {MachinesKey} {machine} where nobody knows of that machine any more.");
        }
    }

    /// <summary>Keeps this home's claim to its machine's name, should somebody have freed it while its silo was away and coming back.</summary>
    public async Task ClaimAsync(string machine)
    {
        if (TryRead() is { } remembered)
        {
            await redis.GetDatabase().HashSetAsync(MachinesKey, machine, remembered.Home, When.NotExists);
        }
    }

    /// <summary>Lets any home take the name of a machine that has been forgotten.</summary>
    public Task FreeAsync(string machine) => redis.GetDatabase().HashDeleteAsync(MachinesKey, machine);

    /// <summary>What is wrong with the store; null when it is the one that this home remembers. A store that does not answer is not wrong.</summary>
    public async Task<string?> FindLossAsync()
    {
        string? name = await redis.GetDatabase().StringGetAsync(NameKey);
        return TryRead() is { } remembered && remembered.Store != name
            ? name is null
                ? $"Redis holds nothing of cluster '{cluster}', though this home has worked with it: the store has lost its data or is another one."
                : $"Redis holds another store of cluster '{cluster}' than the one that this home has worked with."
            : null;
    }

    private StoreMemory? TryRead()
    {
        try
        {
            return JsonSerializer.Deserialize<StoreMemory>(File.ReadAllText(home.StoreFile), WorkerJson.Options);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (JsonException problem)
        {
            throw new StartupException($"{home.StoreFile} cannot be read: {problem.Message} Delete it if this home is new to the cluster.");
        }
    }
}
