using Microsoft.Data.Sqlite;
using StackExchange.Redis;

namespace CramGrains.Silo.Hosting;

/// <summary>Tells callers of grains that the store failed in words that they can read: a client does not have the store's own exception types.</summary>
internal sealed class StoreErrors : IIncomingGrainCallFilter
{
    public async Task Invoke(IIncomingGrainCallContext context)
    {
        try
        {
            await context.Invoke();
        }
        catch (Exception problem) when (IsOfTheStore(problem))
        {
            throw Readable(problem);
        }
    }

    internal static OrleansException Readable(Exception problem) =>
        new($"the store failed ({problem.Message}); nothing was acknowledged, so asking again is safe");

    /// <summary>SQLite's and Redis' own errors, and those of the three packages that keep things in Redis. A conflict of versions is none of these.</summary>
    internal static bool IsOfTheStore(Exception problem) =>
        problem is SqliteException or RedisException or RedisTimeoutException || problem.GetType().Assembly.GetName().Name is "Orleans.Persistence.Redis" or "Orleans.Reminders.Redis" or "Orleans.Clustering.Redis";
}
