using CramGrains.Model.Recipes;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Evaluation;

namespace CramGrains.Silo.Tests.Evaluation;

public sealed class GlueFilesTests : IDisposable
{
    private readonly string _glue = Directory.CreateTempSubdirectory("cram-glue-files-").FullName;

    public GlueFilesTests()
    {
        Directory.CreateDirectory(Path.Combine(_glue, "cola"));
        File.WriteAllText(Path.Combine(_glue, "cola", "train.tsv"), "gj04\t1\t\ta film\n");
        File.WriteAllText(Path.Combine(_glue, "cola", "Dev.tsv"), "gj04\t1\t\ta film\n");
    }

    public void Dispose() => Directory.Delete(_glue, recursive: true);

    [Fact]
    public void Plan_NamesInAnotherCase_AreFoundAsTheReaderFindsThem()
    {
        var plan = GlueFiles.Plan([GlueTaskName.Cola, GlueTaskName.Rte], _glue);
        Assert.Equal(["cola"], plan.Tasks);
        Assert.Equal([$"GLUE tasks skipped because {_glue} lacks their files: rte (RTE/train.tsv, RTE/dev.tsv)."], plan.Notices);
        Assert.Empty(plan.Problems);
    }

    [Fact]
    public void Offer_NamesInAnotherCase_AreOfferedAsTheyStand()
    {
        Assert.Equal(["cola/train.tsv", "cola/Dev.tsv"], new GlueOffers().Offer(_glue, GlueTaskName.Cola)!.Files.Select(file => file.Name));
        Assert.Null(new GlueOffers().Offer(_glue, GlueTaskName.Rte));
    }
}
