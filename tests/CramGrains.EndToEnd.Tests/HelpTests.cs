using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>Help that teaches, whatever else the command line lacks.</summary>
[Trait("Category", "EndToEnd")]
public sealed class HelpTests
{
    [Theory]
    [InlineData("submit", "cram submit quickstart")]
    [InlineData("show", "cram show latest")]
    [InlineData("quickstart", "--corpus ~/books")]
    [InlineData("study", "cram study studies/mini-cram.json")] // answered by the silo's program
    public async Task Help_OfACommandWithoutItsArguments_TeachesByExample(string command, string example)
    {
        var help = (await CramProcess.RunAsync(TimeSpan.FromMinutes(4), command, "--help")).Expect(0);
        Assert.Contains(example, help.Output, StringComparison.Ordinal);
        Assert.Empty(help.Errors);
    }
}
