using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Evaluation;

/// <summary>The real files, where <c>CRAM_TEST_DATA</c> names the folder that holds <c>glue/</c>.</summary>
public sealed class GlueRealDataTests
{
    [Theory]
    [InlineData(GlueTaskName.Cola, 8551, 1043)]
    [InlineData(GlueTaskName.Sst2, 67349, 872)]
    [InlineData(GlueTaskName.Mrpc, 3668, 408)]
    [InlineData(GlueTaskName.Stsb, 5749, 1500)]
    [InlineData(GlueTaskName.Qqp, 30836, 7600)]
    [InlineData(GlueTaskName.Mnli, 13157, 9815, 1000)]
    public void Read_RealFiles_GivesEveryRow(GlueTaskName task, int train, params int[] dev)
    {
        var data = GlueReader.Read(Folder(), task);
        Assert.Equal(train, data.Train.Examples.Count);
        Assert.Equal(dev, data.Evaluations.Select(split => split.Examples.Count));
        Assert.Equal(0, data.Train.BrokenRows + data.Evaluations.Sum(split => split.BrokenRows));
        Assert.Equal(task is GlueTaskName.Qqp or GlueTaskName.Mnli, data.Train.IsSubset);
    }

    [Fact]
    public void Read_RealMnli_HasOfficialLabelCounts()
    {
        var matched = GlueReader.Read(Folder(), GlueTaskName.Mnli).Evaluations[0];
        int[] counts = [.. matched.Examples.CountBy(example => example.Label).OrderBy(pair => pair.Key).Select(pair => pair.Value)];
        Assert.Equal([3479, 3123, 3213], counts);
    }

    [Fact]
    public void Available_RealFolder_ListsWhatIsThere()
    {
        string folder = Folder();
        var expected = GlueTask.All.Where(task => Directory.Exists(Path.Combine(folder, task.Folder))).Select(task => task.Name);
        Assert.Equal(expected, GlueReader.Available(folder));
    }

    private static string Folder()
    {
        string? data = Environment.GetEnvironmentVariable("CRAM_TEST_DATA");
        Assert.SkipUnless(data is not null, "CRAM_TEST_DATA is not set; it names a folder with glue/ in the official layout.");
        return Path.Combine(data!, "glue");
    }
}
