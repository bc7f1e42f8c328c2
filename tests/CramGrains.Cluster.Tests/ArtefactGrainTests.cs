using CramGrains.Cluster.Tests.Harness;
using CramGrains.Silo.Artefacts;

namespace CramGrains.Cluster.Tests;

[Trait("Category", "Cluster")]
public sealed class ArtefactGrainTests
{
    [Fact]
    public async Task Publish_EpochThatHasBeenOvertaken_IsRefusedAndChangesNothing()
    {
        await using var lab = await Lab.StartAsync();
        var checkpoints = lab.Grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints("r-1"));
        Assert.True(await checkpoints.PublishAsync(3, "step-000000001.epoch-3", "aaa", "m0"));

        Assert.True(await checkpoints.BeginAsync(5));

        Assert.False(await checkpoints.PublishAsync(3, "step-000000002.epoch-3", "bbb", "m0"));
        Assert.False(await checkpoints.BeginAsync(4));
        Assert.Equal(["aaa"], (await checkpoints.ListAsync()).Select(version => version.Digest));
    }

    [Fact]
    public async Task Publish_NewerVersions_KeepTheOneBeforeAndForgetOlderOnes()
    {
        await using var lab = await Lab.StartAsync();
        var checkpoints = lab.Grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints("r-1"));
        foreach (string digest in new[] { "a", "b", "c" })
        {
            Assert.True(await checkpoints.PublishAsync(1, $"step-{digest}", digest, "m0"));
        }

        await checkpoints.HoldAsync("c", "m1");
        await checkpoints.HoldAsync("a", "m1"); // forgotten: nobody is sent there

        var versions = await checkpoints.ListAsync();
        Assert.Equal(["c", "b"], versions.Select(version => version.Digest));
        Assert.Equal(["m0", "m1"], versions[0].Machines);
    }

    [Fact]
    public async Task Publish_ThenSiloRestarts_RemembersEpochAndHolders()
    {
        await using var lab = await Lab.StartAsync();
        await lab.Grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints("r-1")).PublishAsync(7, "step-1", "a", "m0");

        await lab.RestartAsync();

        var checkpoints = lab.Grains.GetGrain<IArtefactGrain>(ArtefactKeys.Checkpoints("r-1"));
        await Lab.UntilAsync(async () => (await checkpoints.ListAsync()).Count == 1, () => "the published version is listed");
        Assert.False(await checkpoints.BeginAsync(6));
    }

    [Fact]
    public async Task LetGo_OfACopy_SendsNobodyThere()
    {
        await using var lab = await Lab.StartAsync();
        var corpus = lab.Grains.GetGrain<IArtefactGrain>(ArtefactKeys.Corpus("c0ffee"));
        await corpus.PublishAsync(0, "c0ffee", "a", "m0");
        await corpus.HoldAsync("a", "m1");

        await corpus.LetGoAsync("a", "m0");

        Assert.Equal(["m1"], (await corpus.ListAsync())[0].Machines);
    }
}
