using CramGrains.Silo.Hosting;
using Orleans.Storage;

namespace CramGrains.Silo.Simulation;

/// <summary>Grain state as the real serializer writes it, by compare-and-swap. A write may fail before it is done, or after.</summary>
internal sealed class SimStore(SimWorld world, SimNetwork network, Sabotage sabotage)
{
    private const double Failure = 0.01;
    private static readonly StateSerializer Serializer = new();
    private readonly Dictionary<string, (long Version, BinaryData Payload)> _rows = new(StringComparer.Ordinal);

    /// <summary>Looks at a state that is about to be written; what it returns is done once it is.</summary>
    public Func<object, Action?>? Inspect { get; set; }

    /// <summary>What is stored now; the default where there is nothing.</summary>
    public T Read<T>(string key) where T : new() => _rows.TryGetValue(key, out var row) ? Serializer.Deserialize<T>(row.Payload) : new T();

    public long VersionOf(string key) => _rows.TryGetValue(key, out var row) ? row.Version : 0;

    /// <summary>Writes; the answer arrives only if the machine still lives in the same life.</summary>
    /// <returns>The new version.</returns>
    public Task<long> WriteAsync<T>(SimMachine from, string key, T state, long expected) where T : notnull
    {
        BinaryData payload = Serializer.Serialize(state);
        Action? written = Inspect?.Invoke(state);
        var answer = new TaskCompletionSource<long>();
        int life = from.Life;
        (bool failsBefore, bool failsAfter) = (world.Mishap(Failure), world.Mishap(Failure));
        if (sabotage == Sabotage.StorageAnswersEarly)
        {
            world.After(world.Between(100, 3000), () => Swap(key, payload, VersionOf(key), written));
            from.Do(life, 1, () => answer.TrySetResult(expected + 1));
            return answer.Task;
        }

        world.After(world.Between(1, 4), () =>
        {
            if (failsBefore || !network.ReachesStore(from))
            {
                from.Do(life, 1, () => answer.TrySetException(new IOException("storage failed before the write")));
                return;
            }

            bool swapped = Swap(key, payload, expected, written);
            long version = VersionOf(key);
            from.Do(life, 1, () =>
            {
                if (!swapped)
                {
                    answer.TrySetException(new InconsistentStateException($"{key} has version {version}, expected {expected}"));
                }
                else if (failsAfter || !network.ReachesStore(from))
                {
                    answer.TrySetException(new IOException("storage failed after the write"));
                }
                else
                {
                    answer.TrySetResult(version);
                }
            });
        });
        return answer.Task;
    }

    private bool Swap(string key, BinaryData payload, long expected, Action? written)
    {
        long version = VersionOf(key);
        if (version != expected && sabotage != Sabotage.StorageIgnoresVersions)
        {
            return false;
        }

        _rows[key] = (version + 1, payload);
        written?.Invoke();
        return true;
    }
}
