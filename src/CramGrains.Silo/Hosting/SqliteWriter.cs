using System.Globalization;
using Microsoft.Data.Sqlite;

namespace CramGrains.Silo.Hosting;

/// <param name="Name">Name of the state.</param>
/// <param name="Grain">Its grain.</param>
/// <param name="Expected">The version that it must have; null when it must not be there.</param>
/// <param name="Payload">What to store; null for nothing.</param>
internal sealed record Swap(string Name, string Grain, long? Expected, byte[]? Payload);

/// <param name="Version">The new version; null when the row had another one than expected and was left as it is.</param>
/// <param name="Stored">In that case, the version that it has; null when it is not there.</param>
internal readonly record struct SwapOutcome(long? Version, long? Stored);

/// <summary>Carries out compare-and-swaps one after the other; those that wait go to the disk together, in one transaction, and are answered once it is there.</summary>
/// <param name="open">Opens a connection.</param>
internal sealed class SqliteWriter(Func<SqliteConnection> open)
{
    // Bounds what a transaction that fails takes with it, and how long the first in it waits for the last.
    private const int MostAtOnce = 256;

    private readonly Lock _gate = new();
    private readonly Queue<(Swap Swap, TaskCompletionSource<SwapOutcome> Answer)> _waiting = new();
    private bool _writing;

    /// <returns>Ends when the swap is on the disk, or found to be refused.</returns>
    public Task<SwapOutcome> SwapAsync(Swap swap)
    {
        var answer = new TaskCompletionSource<SwapOutcome>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _waiting.Enqueue((swap, answer));
            if (!_writing)
            {
                _writing = true;
                _ = Task.Run(WriteAll);
            }
        }

        return answer.Task;
    }

    private void WriteAll()
    {
        var batch = new List<(Swap Swap, TaskCompletionSource<SwapOutcome> Answer)>();
        while (true)
        {
            batch.Clear();
            lock (_gate)
            {
                while (batch.Count < MostAtOnce && _waiting.TryDequeue(out var next))
                {
                    batch.Add(next);
                }

                if (batch.Count == 0)
                {
                    _writing = false;
                    return;
                }
            }

            try
            {
                SwapOutcome[] outcomes = Write(batch.ConvertAll(b => b.Swap));
                for (int i = 0; i < batch.Count; i++)
                {
                    batch[i].Answer.SetResult(outcomes[i]);
                }
            }
            catch (Exception problem)
            {
                batch.ForEach(b => b.Answer.SetException(problem));
            }
        }
    }

    private SwapOutcome[] Write(List<Swap> swaps)
    {
        using SqliteConnection connection = open();
        using SqliteTransaction transaction = connection.BeginTransaction(); // takes the write lock at once
        SwapOutcome[] outcomes = [.. swaps.Select(s => Write(connection, transaction, s))];
        transaction.Commit();
        return outcomes;
    }

    private static SwapOutcome Write(SqliteConnection connection, SqliteTransaction transaction, Swap swap)
    {
        using SqliteCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = swap.Expected is null
            ? """
              INSERT INTO grain_state (name, grain, version, payload, written_at) VALUES ($name, $grain, 1, $payload, $now)
              ON CONFLICT DO NOTHING RETURNING version
              """
            : """
              UPDATE grain_state SET version = version + 1, payload = $payload, written_at = $now
              WHERE name = $name AND grain = $grain AND version = $expected RETURNING version
              """;
        command.Parameters.AddWithValue("$name", swap.Name);
        command.Parameters.AddWithValue("$grain", swap.Grain);
        command.Parameters.AddWithValue("$payload", (object?)swap.Payload ?? DBNull.Value);
        command.Parameters.AddWithValue("$now", DateTimeOffset.UtcNow.ToString("O", CultureInfo.InvariantCulture));
        if (swap.Expected is { } expected)
        {
            command.Parameters.AddWithValue("$expected", expected);
        }

        if (command.ExecuteScalar() is long version)
        {
            return new SwapOutcome(version, null);
        }

        using SqliteCommand read = connection.CreateCommand();
        read.Transaction = transaction;
        read.CommandText = "SELECT version FROM grain_state WHERE name = $name AND grain = $grain";
        read.Parameters.AddWithValue("$name", swap.Name);
        read.Parameters.AddWithValue("$grain", swap.Grain);
        return new SwapOutcome(null, read.ExecuteScalar() as long?);
    }
}
