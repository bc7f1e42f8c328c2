using CramGrains.Silo.Hosting;
using Orleans.Storage;

namespace CramGrains.Silo.Tests.Hosting;

/// <summary>Writes that are shared: nobody is answered before a write that holds its change is done, and a failure is everybody's.</summary>
public sealed class GroupCommitTests
{
    private readonly List<TaskCompletionSource> _writes = [];
    private readonly GroupCommit _commit;

    public GroupCommitTests() => _commit = new GroupCommit(() =>
    {
        _writes.Add(new TaskCompletionSource());
        return _writes[^1].Task;
    });

    [Fact]
    public void SaveAsync_WhileAWriteIsUnderWay_JoinsTheNextOne()
    {
        Task first = _commit.SaveAsync();
        Task[] others = [.. Enumerable.Range(0, 100).Select(_ => _commit.SaveAsync())];
        Assert.Single(_writes);

        _writes[0].SetResult();
        Assert.True(first.IsCompletedSuccessfully);
        Assert.DoesNotContain(others, o => o.IsCompleted); // their changes are not in the first write
        Assert.Equal(2, _writes.Count);

        _writes[1].SetResult();
        Assert.All(others, o => Assert.True(o.IsCompletedSuccessfully));
        Assert.Equal(2, _writes.Count);
    }

    [Fact]
    public async Task SaveAsync_Conflict_FailsAllWhoWaitAndAllWhoComeLater()
    {
        Task first = _commit.SaveAsync(), joined = _commit.SaveAsync(), reader = _commit.DurableAsync();
        _writes[0].SetException(new InconsistentStateException("overtaken"));

        foreach (Task waiting in (Task[])[first, joined, reader, _commit.SaveAsync(), _commit.DurableAsync()])
        {
            await Assert.ThrowsAsync<InconsistentStateException>(() => waiting);
        }

        Assert.Single(_writes); // nothing is written after a write that failed
    }

    [Fact]
    public async Task SaveAsync_SecondWriteFails_TheFirstStays()
    {
        Task first = _commit.SaveAsync(), second = _commit.SaveAsync();
        _writes[0].SetResult();
        _writes[1].SetException(new IOException("no space left"));

        Assert.True(first.IsCompletedSuccessfully);
        await Assert.ThrowsAsync<IOException>(() => second);
    }

    [Fact]
    public void DurableAsync_NothingUnderWay_IsDone()
    {
        Assert.True(_commit.DurableAsync().IsCompletedSuccessfully);
        _ = _commit.SaveAsync();
        _writes[0].SetResult();
        Assert.True(_commit.DurableAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public void DurableAsync_WriteUnderWay_WaitsForThatAndNoOther()
    {
        _ = _commit.SaveAsync();
        Task reader = _commit.DurableAsync();
        Assert.False(reader.IsCompleted);

        _writes[0].SetResult();
        Assert.True(reader.IsCompletedSuccessfully);
        Assert.Single(_writes);
    }

    [Fact]
    public async Task SaveAsync_FromWhoeverWasAnsweredJustNow_IsWrittenToo()
    {
        Task again = AgainAsync();
        _writes[0].SetResult();
        Assert.Equal(2, _writes.Count);
        _writes[1].SetResult();
        await again;

        async Task AgainAsync()
        {
            await _commit.SaveAsync();
            await _commit.SaveAsync();
        }
    }
}
