using CramGrains.Cluster.Tests.Harness;
using CramGrains.Interfaces.Access;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Hosting;

namespace CramGrains.Cluster.Tests;

/// <summary>A cluster that asks every call for its token.</summary>
[Trait("Category", "Cluster")]
public sealed class TokenTests
{
    private static readonly AccessToken Token = AccessToken.Parse(new string('a', 32), "this test");

    /// <summary>Grains that look after runs, tasks and devices do so on timers, which are messages to themselves.</summary>
    [Fact]
    public async Task Submit_ClusterWithAToken_GoesToItsEnd()
    {
        await using Lab lab = await Lab.StartAsync(silos: silo => silo.UseToken(Token));
        RequestContext.Set("cram.token", Token.Value); // as TokenSender does for a client's calls

        await lab.SubmitAsync(Requests.Submit(lab, "r-1", Requests.Glue(lab, "CoLA")));

        await lab.UntilAsync("r-1", RunState.Succeeded);
    }

    [Fact]
    public async Task Get_WithoutTheToken_IsRefused()
    {
        await using Lab lab = await Lab.StartAsync(silos: silo => silo.UseToken(Token));

        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => lab.Run("r-1").GetAsync());
    }
}
