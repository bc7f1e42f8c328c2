using System.Globalization;
using Microsoft.Data.Sqlite;
using Orleans.Storage;

namespace CramGrains.Silo.Hosting;

/// <summary>
/// Grain state in one SQLite file: the embedded silo's durable memory. A write succeeds only against the version that its activation has read
/// (compare-and-swap on the ETag) and is on the disk when it returns (WAL with synchronous=FULL).
/// </summary>
/// <remarks>
/// Writes that arrive while one is under way go to the disk together, in one transaction (<see cref="SqliteWriter"/>): a disk that takes milliseconds for
/// each would otherwise bound what a silo can do, whatever the number of its grains.
/// </remarks>
internal sealed class SqliteGrainStorage : IGrainStorage
{
    private readonly SqliteWriter _writer;
    private readonly string _connection;
    private readonly IGrainStorageSerializer _serializer;

    public SqliteGrainStorage(string path, IGrainStorageSerializer serializer)
    {
        _serializer = serializer;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _connection = new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = 10 }.ToString();
        using SqliteConnection connection = Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = """
            PRAGMA journal_mode = WAL;
            CREATE TABLE IF NOT EXISTS grain_state (
                name TEXT NOT NULL, grain TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB, written_at TEXT NOT NULL,
                PRIMARY KEY (name, grain)) WITHOUT ROWID;
            PRAGMA user_version = 1;
            """;
        command.ExecuteNonQuery();
        _writer = new SqliteWriter(Open);
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        using SqliteConnection connection = Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT version, payload FROM grain_state WHERE name = $name AND grain = $grain";
        Bind(command, stateName, grainId);
        using SqliteDataReader row = command.ExecuteReader();
        if (!row.Read())
        {
            Reset(grainState, etag: null);
            return Task.CompletedTask;
        }

        string etag = row.GetInt64(0).ToString(CultureInfo.InvariantCulture);
        if (row.IsDBNull(1))
        {
            Reset(grainState, etag);
            return Task.CompletedTask;
        }

        grainState.State = _serializer.Deserialize<T>(new BinaryData(row.GetFieldValue<byte[]>(1)));
        grainState.ETag = etag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        await SwapAsync(stateName, grainId, grainState, _serializer.Serialize(grainState.State).ToArray());
        grainState.RecordExists = true;
    }

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        // The row stays, without a payload: its version must go on growing, or a stale activation could write after a clear.
        await SwapAsync(stateName, grainId, grainState, payload: null);
        Reset(grainState, grainState.ETag);
    }

    private async Task SwapAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, byte[]? payload)
    {
        long? expected = grainState.ETag is null ? null : long.Parse(grainState.ETag, CultureInfo.InvariantCulture);
        SwapOutcome outcome = await _writer.SwapAsync(new Swap(stateName, grainId.ToString(), expected, payload));
        grainState.ETag = outcome.Version is { } version
            ? version.ToString(CultureInfo.InvariantCulture)
            : throw new InconsistentStateException(
                $"{stateName} of {grainId} has been written by another activation since this one read it",
                outcome.Stored?.ToString(CultureInfo.InvariantCulture) ?? "none", grainState.ETag ?? "none");
    }

    private static void Bind(SqliteCommand command, string stateName, GrainId grainId)
    {
        command.Parameters.AddWithValue("$name", stateName);
        command.Parameters.AddWithValue("$grain", grainId.ToString());
    }

    private static void Reset<T>(IGrainState<T> grainState, string? etag)
    {
        grainState.State = Activator.CreateInstance<T>();
        grainState.ETag = etag;
        grainState.RecordExists = false;
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connection);
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        // Per connection, not stored in the file; a pooled connection keeps them, and setting them again is free.
        command.CommandText = "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;";
        command.ExecuteNonQuery();
        return connection;
    }
}
