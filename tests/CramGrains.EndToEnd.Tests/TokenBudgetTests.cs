using CramGrains.EndToEnd.Tests.Harness;

namespace CramGrains.EndToEnd.Tests;

/// <summary>A budget that does not depend on how fast a machine is, through silo and worker; and the models that a run may keep.</summary>
[Trait("Category", "EndToEnd")]
public sealed class TokenBudgetTests
{
    private const int TokensPerMicrobatch = 8 * 32, MicrobatchesPerBatch = 2;

    [Fact]
    public async Task Run_BudgetInTokensAndModelsKept_ReadsThatManyTokensAndPredictsAfterwards()
    {
        await using var home = new Home();
        (await home.CramAsync("up")).Expect(0);
        var corpus = SampleText.Write(home.Folder, 200_000);
        var glue = SampleGlue.Write(home.Folder);
        string[] one = ["--corpus", corpus, "--glue", glue, "--set", "fine_tuning.tasks=[\"cola\"]", "--set", "fine_tuning.keep_models=true", "--set", "track=tokens", "--json"];
        var report = (await home.CramAsync(["submit", Recipes.Tiny, "--budget", "40ktokens", .. one])).Expect(0).Json;

        Assert.Equal("completed", report.GetProperty("reason").GetString());
        Assert.InRange(report.GetProperty("tokens_seen").GetInt64(), 40_000 - (TokensPerMicrobatch * MicrobatchesPerBatch), 40_000);

        string run = report.GetProperty("run_id").GetString()!;
        var answers = (await home.CramAsync("predict", run, "--task", "cola", "The baker finds 7 letters.", "Finds letters 7 the baker the.")).Expect(0).Output.Trim().Split('\n');
        Assert.Equal(2, answers.Length);
        Assert.All(answers, answer => Assert.Matches("^(un)?acceptable|^[01]", answer));
    }
}
