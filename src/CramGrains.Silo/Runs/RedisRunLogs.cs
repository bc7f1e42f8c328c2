using System.Text;
using CramGrains.Interfaces.Runs;
using StackExchange.Redis;

namespace CramGrains.Silo.Runs;

/// <summary>Logs in the cluster's Redis, one string each, so that a run whose grain has moved goes on with the same log.</summary>
internal sealed class RedisRunLogs(IConnectionMultiplexer redis, string cluster) : IRunLogs
{
    // A line does not wait for the store and is lost with a store that never comes back; what a run must not lose is in its state.
    public void Write(string runId, DateTimeOffset at, string text) =>
        redis.GetDatabase().StringAppend(Key(runId), RunLog.Line(at, text), CommandFlags.FireAndForget);

    public async Task<LogChunk> ReadAsync(string runId, long cursor)
    {
        long from = Math.Max(cursor, 0);
        byte[] bytes = (byte[]?)await redis.GetDatabase().StringGetRangeAsync(Key(runId), from, from + RunLog.LargestChunk - 1) ?? [];
        int end = RunLog.WholeLines(bytes);
        return new LogChunk(from + end, Encoding.UTF8.GetString(bytes, 0, end));
    }

    private RedisKey Key(string runId) => $"{cluster}/log/{runId}";
}
