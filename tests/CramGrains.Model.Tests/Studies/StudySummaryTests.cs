using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

/// <summary>The report of made-up results.</summary>
public sealed class StudySummaryTests
{
    private static readonly StudyCellResult[] Cells =
    [
        Results.Grid("plain", 0.5, 6), Results.Grid("plain", 1, 5.5), Results.Grid("plain", 2, 5.8),
        Results.Of("plain", "2m", 0, 4.0), Results.Of("plain", "2m", 1, 4.2), Results.Of("modern", "2m", 0, 3.1), Results.Of("modern", "2m", 1, 3.3),
        Results.Of("plain", "8m", 0, 3.6), Results.Of("modern", "8m", 0, 2.5), Results.Of("modern", "8m", 1, null),
        Results.Cell(new(StudyPart.Ablation, "modern", "2m", 1, Without: "muon"), 3.75),
    ];

    private static readonly StudyGlueResult[] Glue =
    [
        .. from variant in (string[])["plain", "modern"]
           from seed in (int[])[0, 1, 2]
           from task in (GlueTaskName[])[GlueTaskName.Cola, GlueTaskName.Mrpc]
           select Results.Glue(variant, task, seed, (variant == "plain" ? 0.2 : 0.3) + (task == GlueTaskName.Mrpc ? 0.5 : 0) + (seed * 0.01), subset: task == GlueTaskName.Mrpc),
    ];

    private static readonly StudySummary Summary = StudySummary.Of(Results.Definition, Cells, Glue);

    [Fact]
    public void Of_SeedsOfABudget_AreMedianAndSpread()
    {
        var row = Summary.Rows.Single(row => row is { Label: "plain", Budget: "2m" });
        Assert.Equal((4.1, 4.0, 4.2, 2), (Math.Round(row.HeldOut!.Median, 9), row.HeldOut.Minimum, row.HeldOut.Maximum, row.HeldOut.Count));
        Assert.Equal(Math.Sqrt(0.02), row.HeldOut.Deviation, 1e-9);
        Assert.Equal((100_000, 100), (row.TokensPerSecond, row.Updates));
    }

    [Fact]
    public void Of_SeedThatDiverged_IsCountedAndNamed()
    {
        var row = Summary.Rows.Single(row => row is { Label: "modern", Budget: "8m" });
        Assert.Equal((2.5, 1, 2), (row.HeldOut!.Median, row.Diverged, row.Seeds.Count));
        Assert.Contains(Summary.Notes, note => note.Contains("modern@8m#1 diverged: The loss is NaN.", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_SeedThatDivergedBeforeItsFirstMeasurement_HasNoSpeed()
    {
        // Nothing was charged to it: its speed is not known, and is no zero in the others' median.
        var diverged = Results.Of("plain", "2m", 1, null) with { Tokens = 0, Seconds = 0, Updates = 3, Curve = [new(0, 0, 0, 10)] };
        var row = StudySummary.Of(Results.Definition, [Results.Of("plain", "2m", 0, 4.0), diverged], []).Rows.Single();
        Assert.Equal(100_000, row.TokensPerSecond);
    }

    [Fact]
    public void Of_FineTuningThatDiverged_IsNamedAndSaidToCountAsZero()
    {
        var diverged = Results.Glue("modern", GlueTaskName.Cola, 1, 0) with { Scores = [], Failure = "Fine-tuning 'cola': the loss is NaN at step 7." };
        var summary = StudySummary.Of(Results.Definition, Cells, [.. Glue.Where(result => (result.Cell.Variant, result.Task, result.Seed) != ("modern", GlueTaskName.Cola, 1)), diverged]);
        Assert.Equal(1, summary.Rows.Single(row => row is { Label: "modern", Budget: "8m" }).Glue[0].Diverged);
        Assert.Contains("modern@8m#0, cola seed 1, diverged and counts as 0: Fine-tuning 'cola': the loss is NaN at step 7.", summary.Notes);
    }

    [Fact]
    public void Of_VariantAgainstTheFirst_IsItsDifferenceInNatsAndPoints()
    {
        Assert.Equal(["2m", "8m"], Summary.Differences.Select(difference => difference.Budget));
        Assert.Equal(0.9, Summary.Differences[0].Nats, 1e-9);
        Assert.Null(Summary.Differences[0].GluePoints);
        Assert.Equal(1.1, Summary.Differences[1].Nats, 1e-9);
        Assert.Equal(10, Summary.Differences[1].GluePoints!.Value, 1e-9);
    }

    [Fact]
    public void Of_ElementTakenAway_IsComparedOnItsOwnSeeds()
    {
        var ablation = Assert.Single(Summary.Ablations);
        Assert.Equal(0.45, ablation.NatsWorse!.Value, 1e-9); // against seed 1 of the whole, not the median of both
    }

    [Fact]
    public void Of_Glue_IsTheMeanOfMediansAndTheSpreadOfEachSeedsMean()
    {
        var row = Summary.Rows.Single(row => row is { Label: "plain", Budget: "8m" });
        Assert.Equal([0.21, 0.71], row.Glue.Select(score => Math.Round(score.Scores.Median, 9)));
        Assert.Equal(0.46, row.GlueMean!.Value, 1e-9);
        Assert.Equal((3, 0.01), (row.GlueMeans!.Count, Math.Round(row.GlueMeans.Deviation, 9)));
    }

    [Fact]
    public void Of_OneTaskMissing_HasNoMean()
    {
        var row = StudySummary.Of(Results.Definition, Cells, [.. Glue.Where(result => result.Task == GlueTaskName.Cola)]).Rows.Single(row => row is { Label: "plain", Budget: "8m" });
        Assert.Null(row.GlueMean);
        Assert.Null(row.GlueMeans);
    }

    [Fact]
    public void Of_LadderOfTwoBudgets_IsALineAndNotExtrapolated()
    {
        var ladder = Summary.Ladders.Single(ladder => ladder.Variant == "plain");
        Assert.Equal([new LadderPoint(120, 4.1), new LadderPoint(480, 3.6)], ladder.Points.Select(point => point with { Loss = Math.Round(point.Loss, 9) }));
        Assert.Equal((3.6 - 4.1) / Math.Log(4), ladder.Fit!.B, 1e-9);
        Assert.Null(ladder.At24Hours);
    }

    [Fact]
    public void Of_LadderOfFourBudgets_IsExtrapolatedByItsPowerLaw()
    {
        (string Budget, double Seconds)[] budgets = [("1m", 60), ("2m", 120), ("4m", 240), ("8m", 480)];
        static double Loss(double seconds) => 1.5 + (6.3 * Math.Pow(seconds, -0.44));
        var study = Results.Definition with { Budgets = [.. budgets.Select(budget => budget.Budget)] };
        var summary = StudySummary.Of(study, [.. budgets.Select(budget => Results.Of("plain", budget.Budget, 0, Loss(budget.Seconds)))], []);
        Assert.Equal(Loss(24 * 3600), summary.Ladders.Single(ladder => ladder.Variant == "plain").At24Hours!.Value, 1e-3);
        Assert.Contains("(extrapolation, 180 times the longest budget)", StudyTable.Markdown(summary));
    }

    [Theory]
    [InlineData(1_792, "1.8 k")]
    [InlineData(896, "896")]
    [InlineData(999_960, "1.0 M")]
    [InlineData(12_345_678_901, "12345.7 M")]
    public void Markdown_TokensOfAnyCount_AreNeverNone(long tokens, string shown)
    {
        var summary = StudySummary.Of(Results.Definition, [Results.Cell(new(StudyPart.Main, "plain", "2m", 0), 3, tokens), Results.Cell(new(StudyPart.Ablation, "modern", "2m", 0, Without: "muon"), 3, tokens)], []);
        Assert.Equal(2, StudyTable.Markdown(summary).Split($"| {shown} | 100 |").Length - 1);
    }

    [Fact]
    public void Markdown_LadderBeyondADay_CallsNothingAnExtrapolation()
    {
        (string Budget, double Hours)[] budgets = [("6h", 6), ("12h", 12), ("24h", 24), ("48h", 48)];
        var study = Results.Definition with { Budgets = [.. budgets.Select(budget => budget.Budget)] };
        string Table(Func<double, double> loss) => StudyTable.Markdown(StudySummary.Of(study, [.. budgets.Select(budget => Results.Of("plain", budget.Budget, 0, loss(budget.Hours * 3600)))], []));
        string falling = Table(seconds => 1.5 + (6.3 * Math.Pow(seconds, -0.44)));
        Assert.Contains("| 1.54 (within the ladder) |", falling, StringComparison.Ordinal);
        Assert.DoesNotContain("extrapolation", falling, StringComparison.Ordinal);
        Assert.Contains("| 1.600 - 6.3 t^-0.440, t in s |", Table(seconds => 1.6 - (6.3 * Math.Pow(seconds, -0.44))), StringComparison.Ordinal); // a loss that rises
    }

    [Fact]
    public void Of_LadderThatDoesNotLevelOff_IsNotExtrapolated()
    {
        (string Budget, double Loss)[] ladder = [("1m", 6), ("2m", 4.5), ("4m", 3), ("8m", 1.5)];
        var study = Results.Definition with { Budgets = [.. ladder.Select(point => point.Budget)] };
        var summary = StudySummary.Of(study, [.. ladder.Select(point => Results.Of("plain", point.Budget, 0, point.Loss))], []);
        Assert.Null(summary.Ladders.Single().At24Hours); // no model has a loss below zero
        Assert.Contains("which falls for ever and is not extrapolated", StudyTable.Markdown(summary), StringComparison.Ordinal);
    }

    [Fact]
    public void Of_GlueThatIsNotDone_IsSaid()
    {
        var study = Results.Definition with { Glue = Results.Definition.Glue! with { PretrainingSeeds = [0] } };
        Assert.DoesNotContain(StudySummary.Of(study, Cells, Glue).Notes, note => note.StartsWith("GLUE is not finished", StringComparison.Ordinal));
        var part = StudySummary.Of(study, Cells, [.. Glue.Where(result => result.Seed == 0 || (result.Cell.Variant == "plain" && result.Seed == 1))]);
        Assert.Contains("GLUE is not finished: 6 of 12 fine-tunings are done, so medians may be over other numbers of seeds.", part.Notes);
        Assert.DoesNotContain(StudySummary.Of(study, Cells, []).Notes, note => note.StartsWith("GLUE is not finished", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_CorporaDevicesOrTracksThatDiffer_AreSaid()
    {
        var mixed = StudySummary.Of(Results.Definition, [Cells[3], Results.Cell(new(StudyPart.Main, "modern", "2m", 0), 3, corpus: "0ther", device: "Another GPU", track: "mine")], []);
        Assert.Contains(mixed.Notes, note => note.StartsWith("Corpora differ", StringComparison.Ordinal) && note.Contains("modern: 0ther", StringComparison.Ordinal));
        Assert.Contains(mixed.Notes, note => note.StartsWith("Devices or engines differ", StringComparison.Ordinal) && note.Contains("Another GPU", StringComparison.Ordinal));
        Assert.Contains(mixed.Notes, note => note.StartsWith("Recipes are of different tracks", StringComparison.Ordinal) && note.Contains("plain: paper; modern: mine", StringComparison.Ordinal));
        Assert.Contains("All were trained on corpus c0ffee.", Summary.Notes);
        Assert.Contains("Track of all recipes: paper.", Summary.Notes);
    }

    [Theory]
    [InlineData(1_200_000, false)]
    [InlineData(1_300_000, true)]
    public void Of_OneVariantAtTwoSpeeds_IsSaid(long tokens, bool said)
    {
        var mixed = StudySummary.Of(Results.Definition, [Cells[3], Results.Cell(new(StudyPart.Main, "plain", "2m", 1), 3, tokens), Results.Cell(new(StudyPart.Main, "modern", "2m", 1), 3, 9_000_000)], []);
        Assert.Equal(said, mixed.Notes.Any(note => note.StartsWith("plain ran at 100,000 to 130,000 tokens/s", StringComparison.Ordinal)));
        Assert.DoesNotContain(mixed.Notes, note => note.StartsWith("modern ran at", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("2m", "2m", true)]
    [InlineData("1Mtokens", "1Mtokens", false)]
    [InlineData("0.1exaflop", "1Mtokens", false)]
    public void Of_TwoSpeedsOrDevices_SpeaksOfWallClockOnlyWhereThatIsTheBudget(string first, string second, bool timed)
    {
        var cells = new[] { Results.Cell(new(StudyPart.Main, "plain", first, 0), 3), Results.Cell(new(StudyPart.Main, "plain", second, 1), 3, 2_000_000, device: "Another GPU") };
        var notes = StudySummary.Of(Results.Definition with { Budgets = [first] }, cells, []).Notes;
        Assert.Equal(timed ? 2 : 0, notes.Count(note => note.Contains("equal wall clock", StringComparison.Ordinal)));
        Assert.Contains(notes, note => note.StartsWith($"Devices or engines differ, so {(timed ? "equal wall clock is not equal compute" : "tokens/s do not compare")}: ", StringComparison.Ordinal));
        Assert.Contains(notes, note => note.StartsWith("plain ran at 100,000 to 200,000 tokens/s", StringComparison.Ordinal)
            && note.EndsWith(timed ? "Run it again on a machine of its own." : "its losses do not depend on them.", StringComparison.Ordinal));
    }

    [Fact]
    public void Markdown_Summary_ShowsEveryPart()
    {
        string table = StudyTable.Markdown(Summary);
        string[] expected =
        [
            "**Not finished: 11 of 16 pretrainings are done.**",
            "| variant | budget | seeds | held-out nats | tokens | updates | tokens/s | cola mcc | mrpc f1 | GLUE mean |",
            "| plain | 2m | 2 | 4.100 ± 0.141 (4.000 to 4.200) | 1.0 M | 100 | 100,000 | - | - | - |",
            "| plain | 8m | 1 | 3.600 | 1.0 M | 100 | 100,000 | 21.0 ± 1.0 | 71.0 ± 1.0 (subset) | 46.0 ± 1.0 |",
            "| modern | 8m | 2 | 2.500, 1 of 2 diverged |",
            "**modern against plain at 8m: -1.100 nats held-out (below 0 is better), +10.0 GLUE points**",
            "0.5: 6.000, **1: 5.500**, 2: 5.800",
            "| muon | 2m | 1 | 3.750 | +0.450 |",
            "which falls for ever and is not extrapolated",
            "- plain: training.optimizer.learning_rate = 1, tuned on 3 values at 60s each.",
            "- modern: the grid over training.optimizer.muon_learning_rate is not complete.",
            "- mrpc was fine-tuned on 900 training examples",
        ];
        Assert.All(expected, line => Assert.Contains(line, table, StringComparison.Ordinal));
    }

    [Fact]
    public void Csv_Curves_HasALineAMeasurement()
    {
        string[] lines = StudyCurves.Csv(Cells).TrimEnd().Split('\n');
        Assert.Equal("variant,budget,seed,seconds,tokens,updates,held_out_nats", lines[0]);
        Assert.Equal(1 + (2 * Cells.Length), lines.Length);
        Assert.Contains("plain grid=1,60s,0,10,1000000,100,5.5", lines);
        Assert.Contains("modern-without-muon,2m,1,0,0,0,10", lines);
    }

    [Fact]
    public void Svg_Curves_IsXmlWithALineACellAndGridsLeftOut()
    {
        var chart = System.Xml.Linq.XDocument.Parse(StudyCurves.Svg("a < b", Cells));
        Assert.Equal(Cells.Count(cell => cell.Cell.Part != StudyPart.Grid), chart.Descendants().Count(element => element.Name.LocalName == "polyline"));
    }

    [Fact]
    public void Svg_LossBeyondAllMeasure_IsDrawnAtTheTop()
    {
        string chart = StudyCurves.Svg("wild", [Results.Of("plain", "2m", 0, 1e30), Results.Of("modern", "2m", 0, 3)]);
        Assert.InRange(chart.Length, 1, 10_000);
        Assert.Contains("points=\"70.0,50.0 700.0,50.0 \"", chart, StringComparison.Ordinal);
    }

    [Fact]
    public void Svg_NothingThere_IsXmlToo() => Assert.NotNull(System.Xml.Linq.XDocument.Parse(StudyCurves.Svg("empty", [])).Root);
}
