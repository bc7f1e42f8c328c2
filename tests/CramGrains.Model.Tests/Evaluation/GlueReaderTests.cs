using System.Text;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueReaderTests : IDisposable
{
    private readonly GlueFolder _glue = new();

    [Theory]
    [InlineData(GlueTaskName.Cola, "1", 1)]
    [InlineData(GlueTaskName.Sst2, "0", 0)]
    [InlineData(GlueTaskName.Mrpc, "1", 1)]
    [InlineData(GlueTaskName.Stsb, "3.800", 3.8)]
    [InlineData(GlueTaskName.Qqp, "1", 1)]
    [InlineData(GlueTaskName.Mnli, "contradiction", 2)]
    [InlineData(GlueTaskName.Qnli, "not_entailment", 1)]
    [InlineData(GlueTaskName.Rte, "entailment", 0)]
    [InlineData(GlueTaskName.Wnli, "1", 1)]
    public void Read_OfficialLayout_GivesSentencesAndLabel(GlueTaskName task, string label, double expected)
    {
        _glue.Write(task, ("First one .", "Second one .", label));
        var data = GlueReader.Read(_glue.Root, task);
        string? second = task is GlueTaskName.Cola or GlueTaskName.Sst2 ? null : "Second one .";
        Assert.Equal([new GlueExample("First one .", second, expected)], data.Train.Examples);
        Assert.All(data.Evaluations, split => Assert.Equal(data.Train.Examples, split.Examples));
    }

    [Fact]
    public void Read_Mnli_KeepsMatchedAndMismatchedApart()
    {
        _glue.Write(GlueTaskName.Mnli, ("a", "b", "neutral"));
        _glue.WriteFile(GlueTaskName.Mnli, "dev_mismatched.tsv", ("c", "d", "entailment"));
        var data = GlueReader.Read(_glue.Root, GlueTaskName.Mnli);
        Assert.Equal([("mnli", "a"), ("mnli-mm", "c")], data.Evaluations.Select(split => (split.File.TaskId, split.Examples[0].First)));
    }

    [Fact]
    public void Read_QuotesInText_KeepsThem()
    {
        _glue.Write(GlueTaskName.Mrpc, ("\" Half open", "He said \"no\" .", "0"), ("second", "row", "1"));
        var examples = GlueReader.Read(_glue.Root, GlueTaskName.Mrpc).Train.Examples;
        Assert.Equal(["\" Half open", "second"], examples.Select(example => example.First));
    }

    [Fact]
    public void Read_ByteOrderMarkAndCarriageReturns_AreNoText()
    {
        foreach (string file in (string[])["train.tsv", "dev.tsv"])
        {
            File.WriteAllText(_glue.PathOf(GlueTaskName.Sst2, file), "sentence\tlabel\r\nfine\t1\r\n", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        }

        Assert.Equal([new GlueExample("fine", null, 1)], GlueReader.Read(_glue.Root, GlueTaskName.Sst2).Train.Examples);
    }

    [Fact]
    public void Read_BrokenQqpRow_IsCountedAndPassedOver()
    {
        _glue.Write(GlueTaskName.Qqp, ("a", "b", "1"), ("c", "d", "0"));
        File.AppendAllText(_glue.PathOf(GlueTaskName.Qqp, "train.tsv"), "2\t1\t2\tcut by a stray\rline end?\tyes\t1\n");
        var train = GlueReader.Read(_glue.Root, GlueTaskName.Qqp).Train;
        Assert.Equal((2, 2), (train.Examples.Count, train.BrokenRows));
    }

    [Fact]
    public void Read_BrokenRowElsewhere_NamesLineAndColumns()
    {
        _glue.Write(GlueTaskName.Rte, ("a", "b", "entailment"));
        File.AppendAllText(_glue.PathOf(GlueTaskName.Rte, "dev.tsv"), "1\ttorn");
        string message = ErrorOf(GlueTaskName.Rte);
        Assert.Contains("dev.tsv line 3: expected 4 columns", message, StringComparison.Ordinal);
        Assert.Contains("got 2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_NamesIt()
    {
        _glue.WriteFile(GlueTaskName.Wnli, "train.tsv", ("a", "b", "1"));
        Assert.Contains(Path.Combine("WNLI", "dev.tsv") + ": file missing", ErrorOf(GlueTaskName.Wnli), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFolder_ListsWhatIsThere()
    {
        _glue.Write(GlueTaskName.Wnli, ("a", "b", "1"));
        Assert.Contains("no folder 'RTE' for task 'rte'. It holds: WNLI", ErrorOf(GlueTaskName.Rte), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingColumn_NamesItAndListsTheHeader()
    {
        _glue.Write(GlueTaskName.Qnli, ("a", "b", "entailment"));
        _glue.WriteText(GlueTaskName.Qnli, "dev.tsv", "index\tquestion\tanswer\tlabel\n0\ta\tb\tentailment\n");
        Assert.Contains("column 'sentence' is missing. The header has: index, question, answer, label", ErrorOf(GlueTaskName.Qnli), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UnknownLabel_NamesLineValueAndExpected()
    {
        _glue.Write(GlueTaskName.Mnli, ("a", "b", "neutral"), ("c", "d", "-"));
        Assert.Contains("train.tsv line 3: unknown label '-' in column 'gold_label', expected entailment or neutral or contradiction",
            ErrorOf(GlueTaskName.Mnli), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5.2")]
    [InlineData("NaN")]
    [InlineData("n/a")]
    public void Read_ScoreOutOfRange_IsUnknownLabel(string score)
    {
        _glue.Write(GlueTaskName.Stsb, ("a", "b", score));
        Assert.Contains($"unknown label '{score}' in column 'score', expected a number from 0 to 5", ErrorOf(GlueTaskName.Stsb), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "the file is empty")]
    [InlineData("sentence\tlabel\n", "no examples in the file")]
    public void Read_EmptyFile_SaysSo(string text, string expected)
    {
        _glue.WriteText(GlueTaskName.Sst2, "train.tsv", text);
        Assert.Contains(expected, ErrorOf(GlueTaskName.Sst2), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_InvalidUtf8_SaysSo()
    {
        File.WriteAllBytes(_glue.PathOf(GlueTaskName.Sst2, "train.tsv"), [.. "sentence\tlabel\n"u8, 0xFF, 0xFE, 0xC3, .. "\t1\n"u8]);
        Assert.Contains("not UTF-8", ErrorOf(GlueTaskName.Sst2), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FewerRowsThanOfficial_IsSubset()
    {
        _glue.Write(GlueTaskName.Wnli, [.. Enumerable.Repeat(("a", "b", "1"), 71)]);
        var data = GlueReader.Read(_glue.Root, GlueTaskName.Wnli);
        Assert.Equal((true, false), (data.Train.IsSubset, data.Evaluations[0].IsSubset));
    }

    [Fact]
    public void Available_OtherCase_IsFound()
    {
        _glue.Write(GlueTaskName.Cola, ("a", "", "1"));
        _glue.Write(GlueTaskName.Rte, ("a", "b", "entailment"));
        Directory.Move(Path.Combine(_glue.Root, "CoLA"), Path.Combine(_glue.Root, "cola"));
        File.Delete(_glue.PathOf(GlueTaskName.Rte, "dev.tsv"));
        Assert.Equal([GlueTaskName.Cola], GlueReader.Available(_glue.Root));
        Assert.Equal("a", GlueReader.Read(_glue.Root, GlueTaskName.Cola).Train.Examples[0].First);
    }

    [Fact]
    public void Available_NoSuchFolder_SaysSo()
    {
        var problem = Assert.Throws<GlueException>(() => GlueReader.Available(Path.Combine(_glue.Root, "nowhere")));
        Assert.Contains("no such folder", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadTests_Cola_ReadsTheHeaderThatOnlyItsTestFileHas()
    {
        _glue.WriteText(GlueTaskName.Cola, "test.tsv", "index\tsentence\n0\tBill whistled past the house.\n");
        var example = Assert.Single(Assert.Single(GlueReader.ReadTests(_glue.Root, GlueTaskName.Cola)).Examples);
        Assert.Equal("Bill whistled past the house.", example.First);
        Assert.True(double.IsNaN(example.Label));
    }

    public void Dispose() => _glue.Dispose();

    private string ErrorOf(GlueTaskName task) => Assert.Throws<GlueException>(() => GlueReader.Read(_glue.Root, task)).Message;
}
