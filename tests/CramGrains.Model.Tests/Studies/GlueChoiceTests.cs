using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using CramGrains.Model.Studies;

namespace CramGrains.Model.Tests.Studies;

public sealed class GlueChoiceTests
{
    [Theory]
    [InlineData(200, 20)]
    [InlineData(15_000, 1_000)]
    public void Split_TrainingData_IsPartedAndDevIsNotThere(int examples, int scored)
    {
        var data = Data(examples);
        var split = GlueChoice.Split(data);
        var held = Assert.Single(split.Evaluations);
        Assert.Equal((examples - scored, scored), (split.Train.Examples.Count, held.Examples.Count));
        Assert.Equal(data.Train.Examples.Select(example => example.First).Order(StringComparer.Ordinal), split.Train.Examples.Concat(held.Examples).Select(example => example.First).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(split.Train.Examples.Concat(held.Examples), example => example.First.StartsWith("dev", StringComparison.Ordinal));
    }

    [Fact]
    public void Split_Again_IsTheSame() => Assert.Equal(GlueChoice.Split(Data(500)).Evaluations[0].Examples, GlueChoice.Split(Data(500)).Evaluations[0].Examples);

    [Fact]
    public void Split_TooFew_SaysSo() => Assert.Contains("expected 10 or more", Assert.Throws<GlueException>(() => GlueChoice.Split(Data(9))).Message, StringComparison.Ordinal);

    private static GlueData Data(int examples)
    {
        var task = GlueTask.Of(GlueTaskName.Cola);
        GlueSplit Split(GlueFile file, string name, int count) => new(file, name, [.. Enumerable.Range(0, count).Select(i => new GlueExample($"{name} {i:D6}", null, i % 2))], 0);
        return new(task, Split(task.Train, "train", examples), [Split(task.Evaluations[0], "dev", 50)]);
    }
}
