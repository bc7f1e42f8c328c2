using System.Globalization;
using System.Xml.Linq;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;

namespace CramGrains.Model.Tests.Training;

public sealed class ScheduleChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Svg_AllShapes_HasOneNamedCurveForEach()
    {
        var chart = XDocument.Parse(ScheduleChart.Svg("All", ScheduleChart.AllShapes()));
        Assert.Equal(Enum.GetValues<ScheduleKind>().Length, chart.Descendants(Svg + "polyline").Count());
        Assert.Contains("inverse-cosine", chart.Descendants(Svg + "text").Select(text => text.Value));
    }

    [Fact]
    public void Svg_OneCycle_RisesToTheTopInTheMiddleAndFallsToTheFloor()
    {
        var curve = ScheduleChart.AllShapes().Single(shape => shape.Title == "one-cycle");
        double[][] points = [.. XDocument.Parse(ScheduleChart.Svg("One", [curve])).Descendants(Svg + "polyline").Single().Attribute("points")!.Value
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(point => point.Split(',').Select(number => double.Parse(number, CultureInfo.InvariantCulture)).ToArray())];
        double[] heights = [.. points.Select(point => point[1])];
        Assert.Equal(heights.Min(), heights[heights.Length / 2]); // y grows downwards
        Assert.Equal((heights.Max(), heights.Max()), (heights[0], heights[^1]));
        Assert.True(points.Zip(points.Skip(1)).All(pair => pair.First[0] <= pair.Second[0]));
    }

    [Fact]
    public void OfRecipe_TiedToSteps_SaysSoOnTheAxisAndKeepsThePeaks()
    {
        var recipe = TestRecipes.Tiny();
        recipe = recipe with
        {
            Training = recipe.Training with { Schedule = new(ScheduleKind.Linear, 0.1, Steps: 8_000_000), BatchSize = 12, BatchRampSteps = 400, MaskFractionEnd = 0.15 },
        };
        var curves = ScheduleChart.OfRecipe(recipe);
        Assert.Equal(["fraction of 8,000,000 microbatch steps", "fraction of 400 microbatch steps", "fraction of the budget"], curves.Select(curve => curve.Axis));
        Assert.Equal(1e-3, curves[0].Values.Max(), 1e-12);
        Assert.Equal((3, 12), (curves[1].Values[0], curves[1].Values[^1]));
        Assert.Equal((0.25, 0.15), (curves[2].Values[0], Math.Round(curves[2].Values[^1], 12)));
    }
}
