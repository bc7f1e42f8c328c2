using CramGrains.Silo.Hosting;
using CramGrains.Silo.Runs;
using Orleans.Storage;

namespace CramGrains.Silo.Tests.Hosting;

/// <summary>The embedded store: writes that go to the disk together are still each their own compare-and-swap.</summary>
public sealed class SqliteGrainStorageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-sqlite-").FullName;
    private readonly SqliteGrainStorage _storage;

    public SqliteGrainStorageTests() => _storage = Open();

    [Fact]
    public async Task WriteStateAsync_ManyAtOnce_EachIsStored()
    {
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => WriteAsync(i, null, epoch: i)));

        for (int i = 0; i < 1000; i += 111)
        {
            Assert.Equal(i, (await ReadAsync(Open(), i)).State!.Epoch);
        }
    }

    [Fact]
    public async Task WriteStateAsync_OneOfManyHasBeenOvertaken_OnlyThatOneIsRefused()
    {
        await Task.WhenAll(Enumerable.Range(0, 50).Select(i => WriteAsync(i, null, epoch: 1)));
        GrainState<BudgetAccount> overtaken = await ReadAsync(_storage, 7);
        await WriteAsync(7, "1", epoch: 2);

        Task[] writes = [.. Enumerable.Range(0, 50).Select(i => i == 7 ? WriteAsync(overtaken, 7, epoch: 3) : WriteAsync(i, "1", epoch: 3))];
        InconsistentStateException conflict = await Assert.ThrowsAsync<InconsistentStateException>(() => writes[7]);

        Assert.Equal(("2", "1"), (conflict.StoredEtag, conflict.CurrentEtag));
        await Task.WhenAll(writes.Where((_, i) => i != 7));
        Assert.Equal(2, (await ReadAsync(_storage, 7)).State!.Epoch);
        Assert.Equal(3, (await ReadAsync(_storage, 8)).State!.Epoch);
    }

    [Fact]
    public async Task WriteStateAsync_TwoFromTheSameVersion_OneWins()
    {
        await WriteAsync(0, null, epoch: 1);
        Task[] writes = [.. Enumerable.Range(0, 20).Select(i => WriteAsync(0, "1", epoch: 10 + i))];
        await Assert.ThrowsAsync<InconsistentStateException>(() => Task.WhenAll(writes)); // ends when all have

        Assert.Equal(1, writes.Count(w => w.IsCompletedSuccessfully));
        Assert.DoesNotContain(writes, w => w.IsFaulted && w.Exception.InnerException is not InconsistentStateException);
        Assert.Equal("2", (await ReadAsync(_storage, 0)).ETag);
    }

    [Fact]
    public async Task ClearStateAsync_ThenAStaleWrite_IsRefused()
    {
        await WriteAsync(0, null, epoch: 1);
        GrainState<BudgetAccount> state = await ReadAsync(_storage, 0);
        await _storage.ClearStateAsync("budget", Grain(0), state);

        Assert.False((await ReadAsync(_storage, 0)).RecordExists);
        await Assert.ThrowsAsync<InconsistentStateException>(() => WriteAsync(0, "1", epoch: 2));
        await WriteAsync(0, "2", epoch: 3);
        Assert.Equal(3, (await ReadAsync(_storage, 0)).State!.Epoch);
    }

    [Fact]
    public async Task WriteStateAsync_StoreCannotBeWritten_FailsAndGoesOnLater()
    {
        await WriteAsync(0, null, epoch: 1);
        using (var other = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_folder, "state.db")}"))
        {
            other.Open();
            using var command = other.CreateCommand();
            command.CommandText = "ALTER TABLE grain_state RENAME TO away";
            command.ExecuteNonQuery();
            await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => WriteAsync(0, "1", epoch: 2));
            command.CommandText = "ALTER TABLE away RENAME TO grain_state";
            command.ExecuteNonQuery();
        }

        await WriteAsync(0, "1", epoch: 3);
        Assert.Equal(3, (await ReadAsync(_storage, 0)).State!.Epoch);
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private SqliteGrainStorage Open() => new(Path.Combine(_folder, "state.db"), new StateSerializer());

    private static GrainId Grain(int number) => GrainId.Create("budget", $"r-{number}");

    private Task WriteAsync(int grain, string? version, long epoch) => WriteAsync(new GrainState<BudgetAccount>(new BudgetAccount()) { ETag = version! }, grain, epoch);

    private Task WriteAsync(GrainState<BudgetAccount> state, int grain, long epoch)
    {
        state.State!.Epoch = epoch;
        return _storage.WriteStateAsync("budget", Grain(grain), state);
    }

    private static async Task<GrainState<BudgetAccount>> ReadAsync(SqliteGrainStorage storage, int grain)
    {
        var state = new GrainState<BudgetAccount>(new BudgetAccount());
        await storage.ReadStateAsync("budget", Grain(grain), state);
        return state;
    }
}
