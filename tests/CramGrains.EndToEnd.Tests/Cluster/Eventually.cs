using System.Diagnostics;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Looks again and again until something holds, and says what it waited for when it never does.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    public static Task TrueAsync(Func<bool> condition, Func<string> what, TimeSpan limit) => TrueAsync(() => Task.FromResult(condition()), what, limit);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan limit)
    {
        for (var started = Stopwatch.GetTimestamp(); !await condition(); await Task.Delay(Pace, TestContext.Current.CancellationToken))
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < limit, $"Waited {limit.TotalSeconds:0} s in vain until {what()}");
        }
    }

    /// <summary>The first value that is not null.</summary>
    public static async Task<T> ValueAsync<T>(Func<Task<T?>> ask, Func<string> what, TimeSpan limit) where T : class
    {
        T? value = null;
        await TrueAsync(async () => (value = await ask()) is not null, what, limit);
        return value!;
    }
}
