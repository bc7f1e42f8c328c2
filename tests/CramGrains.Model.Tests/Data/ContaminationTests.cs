using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class ContaminationTests
{
    private const string Whole = "It 's a charming and often affecting journey, they say .";
    private const string Long = "The gorgeously elaborate continuation of \" The Lord of the Rings \" trilogy is so huge that a column of words can not adequately describe it .";
    private static readonly GlueTask[] Tasks = [GlueTask.Of(GlueTaskName.Sst2), GlueTask.Of(GlueTaskName.Rte)];

    [Theory]
    [InlineData("Before. It's a charming, and often affecting, journey they say. After.", GlueTaskName.Sst2)]
    [InlineData("He wrote: the gorgeously elaborate continuation of ``The Lord of the Rings'' trilogy is so huge that a column of words cannot adequately describe it.", GlueTaskName.Rte)]
    [InlineData("A review: IT'S A CHARMING AND OFTEN AFFECTING JOURNEY THEY SAY", GlueTaskName.Sst2)]
    public void Find_SentenceInOtherTypography_NamesItsTask(string document, GlueTaskName task) => Assert.Equal(1u << (int)task, Find(document));

    [Theory]
    [InlineData("It's a charming and often tedious journey, they say.")]
    [InlineData("too short to count")]
    [InlineData("The Lord of the Rings is a trilogy.")]
    [InlineData("")]
    public void Find_OtherText_FindsNothing(string document) => Assert.Equal(0u, Find(document));

    [Fact]
    public void Of_ShortSentences_AreCountedAndNotSearched()
    {
        var index = Index();
        Assert.Equal(2, index.Sentences);
        Assert.Equal(2, index.ShortSentences);
    }

    [Theory]
    [InlineData(DecontaminationMode.Remove, 290)]
    [InlineData(DecontaminationMode.Report, 300)]
    public void Prepare_WithGlueFolder_CountsByTaskAndRemovesUnlessToldOtherwise(DecontaminationMode mode, int kept)
    {
        using var glue = new TemporaryFolder();
        var documents = CorpusRig.Documents(300, 1).ToList();
        WriteSst2(glue.Path, documents.Where(document => document.Count(char.IsLetter) >= ContaminationIndex.MinimumCharacters).Take(10));
        using var plain = new CorpusRig().WriteDocuments();
        using var rig = new CorpusRig
        {
            Recipe = plain.Recipe with { Decontamination = mode },
            Options = new() { Threads = 2, GlueFolder = glue.Path },
        }.WriteDocuments();

        var manifest = rig.Prepare();
        Assert.Equal(kept, manifest.KeptDocuments + manifest.HeldOutDocuments);
        Assert.Equal(10, manifest.Contamination!.Documents);
        Assert.Equal([KeyValuePair.Create("sst2", 10L)], manifest.Contamination.ByTask);
        Assert.Equal(mode == DecontaminationMode.Remove, manifest.Contamination.Removed);
        Assert.NotEqual(plain.Prepare().Digest, manifest.Digest);
        rig.Open(manifest).Dispose();
    }

    [Fact]
    public void Prepare_GlueFolderWithoutTasks_SaysSo()
    {
        using var glue = new TemporaryFolder();
        using var rig = new CorpusRig { Options = new() { GlueFolder = glue.Path } }.WriteDocuments();
        Assert.Contains(glue.Path, Assert.Throws<CorpusException>(() => rig.Prepare()).Message);
    }

    private static void WriteSst2(string folder, IEnumerable<string> sentences)
    {
        var task = Directory.CreateDirectory(Path.Combine(folder, "SST-2")).FullName;
        File.WriteAllText(Path.Combine(task, "train.tsv"), "sentence\tlabel\n" + string.Concat(sentences.Select(sentence => $"{sentence}\t1\n")));
        File.WriteAllText(Path.Combine(task, "dev.tsv"), "sentence\tlabel\nshort one\t0\n");
    }

    private static uint Find(string document) => Index().Find(document, new ContaminationIndex.FoldedText());

    private static ContaminationIndex Index() =>
        ContaminationIndex.Of(Tasks, task => task.Name == GlueTaskName.Sst2 ? [Whole, "too short to count", "so"] : [Long]);
}
