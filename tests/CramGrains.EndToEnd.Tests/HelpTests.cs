using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Help that teaches, whatever else the command line lacks.</summary>
[Trait("Category", "EndToEnd")]
public sealed class HelpTests
{
    [Theory]
    [InlineData("submit", "cram submit quickstart")]
    [InlineData("show", "cram show latest")]
    [InlineData("forget", "cram forget lab-3")]
    [InlineData("quickstart", "--corpus ~/books")]
    [InlineData("study", "cram study studies/mini-cram.json")] // answered by the silo's program
    public async Task Help_OfACommandWithoutItsArguments_TeachesByExample(string command, string example)
    {
        var help = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), command, "--help")).Expect(0);
        Assert.Contains(example, help.Output, StringComparison.Ordinal);
        Assert.Empty(help.Errors);
    }

    [Theory]
    [InlineData("serve --help", "CramGrains.Silo serve --home DIR")]
    [InlineData("serve --home /nowhere -h", "CramGrains.Silo serve --home DIR")]
    [InlineData("worker -h", "CramGrains.Silo worker --assignment FILE")]
    [InlineData("doctor --help", "CramGrains.Silo doctor --json")]
    [InlineData("--help", "CramGrains.Silo bench-scheduler|simulate")]
    [InlineData("pretrain -h", "cram pretrain recipes/quickstart.json")]
    public async Task Help_OfTheSilosProgram_IsNoError(string line, string usage)
    {
        var help = (await CramProcess.RunSiloAsync(TimeSpan.FromMinutes(4), line.Split(' '))).Expect(0);
        Assert.Contains(usage, help.Output, StringComparison.Ordinal);
        Assert.Empty(help.Errors);
    }

    [Theory]
    [InlineData("sevre --home /nowhere", "there is no verb 'sevre'")]
    [InlineData("worker --assigment x", "'worker --assigment x' is not how worker is called")]
    [InlineData("serve --bogus x", "unknown option --bogus")]
    public async Task SilosProgram_LineThatItDoesNotKnow_IsAUsageError(string line, string problem) =>
        Assert.Contains(problem, (await CramProcess.RunSiloAsync(TimeSpan.FromMinutes(4), line.Split(' '))).Expect(2).Errors, StringComparison.Ordinal);

    [Fact]
    public async Task LocalVerb_OptionsOfAllCommandsBeforeIt_CountAsAfterIt()
    {
        string home = Path.Combine(Path.GetTempPath(), $"cram-none-{Guid.NewGuid():N}");
        var estimate = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "--json", "estimate", "quickstart")).Expect(0);
        Assert.Equal("quickstart", estimate.Json.GetProperty("recipe").GetString());
        var missing = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "--home", home, "data", "show", "abc")).Expect(2);
        Assert.Contains(home, missing.Errors, StringComparison.Ordinal);
        var cluster = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), "--cluster=127.0.0.1:9", "estimate", "quickstart")).Expect(2);
        Assert.Contains("estimate runs on this machine and asks no cluster", cluster.Errors, StringComparison.Ordinal);
    }
}
