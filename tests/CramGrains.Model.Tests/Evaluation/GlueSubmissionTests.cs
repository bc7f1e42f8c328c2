using System.IO.Compression;
using CramGrains.Model.Evaluation;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class GlueSubmissionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-submission-").FullName;

    private string Zip => Path.Combine(_folder, "submission.zip");

    [Fact]
    public void Files_RowsAndHeader_AreTheServersLineCounts() => Assert.Equal(
        [
            ("CoLA", 1064), ("SST-2", 1822), ("MRPC", 1726), ("STS-B", 1380), ("QQP", 390966), ("MNLI-m", 9797),
            ("MNLI-mm", 9848), ("QNLI", 5464), ("RTE", 3001), ("WNLI", 147), ("AX", 1105),
        ],
        GlueSubmission.Files.Select(file => (file.Name, file.Rows + 1)));

    [Fact]
    public void Write_CompletePredictions_GivesAFlatZipThatPasses()
    {
        GlueSubmission.Write(Zip, Predictions());
        Assert.Empty(GlueSubmission.Check(Zip));
        using var zip = ZipFile.OpenRead(Zip);
        using var reader = new StreamReader(zip.GetEntry("RTE.tsv")!.Open());
        Assert.StartsWith("index\tprediction\n0\tentailment\n1\tentailment\n", reader.ReadToEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void Write_FolderThatIsNotThereYet_IsMade()
    {
        string zip = Path.Combine(_folder, "to", "come", "submission.zip");
        GlueSubmission.Write(zip, Predictions());
        Assert.Empty(GlueSubmission.Check(zip));
    }

    [Fact]
    public void Write_WrongPredictions_ListsEveryProblemAndWritesNothing()
    {
        var predictions = Predictions();
        predictions.Remove("WNLI");
        predictions["RTE"] = ["entailment"];
        predictions["AX"] = [.. predictions["AX"].SkipLast(1), "0"];
        string message = Assert.Throws<GlueException>(() => GlueSubmission.Write(Zip, predictions)).Message;
        Assert.Contains("WNLI.tsv: no predictions.", message, StringComparison.Ordinal);
        Assert.Contains("RTE.tsv: expected 3000 predictions, got 1.", message, StringComparison.Ordinal);
        Assert.Contains("AX.tsv index 1103: expected entailment or neutral or contradiction, got '0'.", message, StringComparison.Ordinal);
        Assert.False(File.Exists(Zip));
    }

    [Fact]
    public void Check_AlteredZip_NamesFileAndLine()
    {
        GlueSubmission.Write(Zip, Predictions());
        using (var zip = ZipFile.Open(Zip, ZipArchiveMode.Update))
        {
            zip.GetEntry("CoLA.tsv")!.Delete();
            zip.GetEntry("WNLI.tsv")!.Delete();
            using (var writer = new StreamWriter(zip.CreateEntry("WNLI.tsv").Open()))
            {
                writer.Write("index\tprediction\n0\t1\n2\t0\n");
            }

            zip.CreateEntry("glue/CoLA.tsv");
        }

        Assert.Equal(
            [
                "glue/CoLA.tsv: not a file of a GLUE submission, or not at the top of the zip.",
                "CoLA.tsv: missing.",
                "WNLI.tsv line 3: expected '1<TAB>prediction', got '2\t0'.",
            ],
            GlueSubmission.Check(Zip));
    }

    [Fact]
    public void Check_FileThatStandsThereTwice_IsNamed()
    {
        // Whoever unpacks it is left with one of the two, and not with the one that was checked.
        GlueSubmission.Write(Zip, Predictions());
        using (var zip = ZipFile.Open(Zip, ZipArchiveMode.Update))
        {
            zip.CreateEntry("WNLI.tsv");
        }

        Assert.Equal(["WNLI.tsv: stands in the zip 2 times."], GlueSubmission.Check(Zip));
    }

    [Fact]
    public void Check_NoZip_SaysSo()
    {
        File.WriteAllText(Zip, "not a zip");
        Assert.Contains("not a readable zip", Assert.Throws<GlueException>(() => GlueSubmission.Check(Zip)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-0.2, "0.000")]
    [InlineData(5.3, "5.000")]
    [InlineData(2.71828, "2.718")]
    public void FormatScore_AnyPrediction_IsClippedToTheScale(double score, string expected) => Assert.Equal(expected, GlueSubmission.FormatScore(score));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static Dictionary<string, IReadOnlyList<string>> Predictions() => GlueSubmission.Files.ToDictionary(
        file => file.Name,
        file => (IReadOnlyList<string>)[.. Enumerable.Repeat(file.Labels.IsEmpty ? "2.500" : file.Labels[0], file.Rows)]);
}
