using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>A silo of this machine's home that asks for a token, as a member of a cluster does.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SiloDoorTests
{
    [Fact]
    public async Task Command_WithoutTheTokenOfItsSilo_IsExitCodeThreeAndSaysWhatToDo()
    {
        const string Token = "0123456789abcdef0123456789abcdef";
        await using var home = new Home();
        string file = Path.Combine(home.Folder, "token");
        await File.WriteAllTextAsync(file, Token, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(home.Folder, "silo-settings.json"), $$"""{ "cram": { "cluster": { "TokenFile": "{{file}}" } } }""", TestContext.Current.CancellationToken);
        (await home.CramAsync("up")).Expect(0);

        var refused = (await home.CramAsync("devices")).Expect(3);
        var admitted = await CramProcess.RunAsync(TimeSpan.FromMinutes(4), new Dictionary<string, string> { ["CRAM_TOKEN"] = Token }, "devices", "--home", home.Folder);

        Assert.StartsWith("error: The cluster's token is missing or wrong. Give it with CRAM_TOKEN", refused.Errors, StringComparison.Ordinal);
        admitted.Expect(0);
    }
}
