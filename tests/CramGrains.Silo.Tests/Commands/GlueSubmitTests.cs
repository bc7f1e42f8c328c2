using System.Globalization;
using CramGrains.Model.Evaluation;
using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary><c>cram glue submit</c> and <c>check</c>: the zip for GLUE's test server.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class GlueSubmitTests(TrainedRun trained) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-submit-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Submit_TestFilesMissing_NamesEachBeforeAnyTraining()
    {
        var outcome = TrainedRun.Call(GlueCommand.Run, "submit", trained.Run, Path.Combine(_folder, "s.zip"), "--glue", trained.Glue, "--device", "cpu");
        Assert.Equal(2, outcome.Code);
        Assert.Contains(Path.Combine("CoLA", "test.tsv"), outcome.Error, StringComparison.Ordinal);
        Assert.Contains("no folder 'RTE'", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("the diagnostic set is missing", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("new/")]
    public void Submit_ToAFolder_IsRefusedBeforeAnyTraining(string named)
    {
        string glue = Path.Combine(_folder, "glue"), target = Path.Combine(_folder, named);
        WriteWholeGlue(glue);
        var outcome = TrainedRun.Call(GlueCommand.Run, "submit", trained.Run, target, "--glue", glue, "--majority", string.Join(',', GlueTask.All.Select(task => task.Id)), "--device", "cpu");
        Assert.Equal((2, $"{target}: is a folder. Name the zip to write, such as submission.zip.\n"), (outcome.Code, outcome.Error));
    }

    [Fact]
    public void Submit_AllFilesThere_WritesAZipThatChecks()
    {
        string glue = Path.Combine(_folder, "glue"), zip = Path.Combine(_folder, "submission.zip");
        WriteWholeGlue(glue);
        string majority = string.Join(',', GlueTask.All.Select(task => task.Id).Where(id => id != "wnli"));
        var written = TrainedRun.Call(GlueCommand.Run, "submit", trained.Run, zip, "--glue", glue, "--majority", majority, "--device", "cpu", "--set", "epochs=1");
        Assert.True(written.Code == 0, written.Error);
        Assert.Contains("11 files, 426,309 predictions", written.Output, StringComparison.Ordinal);
        var check = TrainedRun.Call(GlueCommand.Run, "check", zip);
        Assert.True(check.Code == 0, check.Error);

        File.WriteAllText(zip, "no zip");
        Assert.Equal(2, TrainedRun.Call(GlueCommand.Run, "check", zip).Code);
    }

    /// <summary>Every task with a few training rows and as many test rows as the server wants.</summary>
    private static void WriteWholeGlue(string folder)
    {
        foreach (var task in GlueTask.All)
        {
            string place = Directory.CreateDirectory(Path.Combine(folder, task.Folder)).FullName;
            string label = task.IsRegression ? "2.5" : task.Labels[0];
            string header = task.SecondColumn is null ? $"index\t{task.FirstColumn}" : $"index\t{task.FirstColumn}\t{task.SecondColumn}";
            foreach (var file in task.Evaluations.Prepend(task.Train))
            {
                Write(Path.Combine(place, file.FileName), task.Id == "cola" ? null : $"{header}\t{task.LabelColumn}", 6, i => task.Id == "cola"
                    ? $"gj04\t{label}\t*\ta film"
                    : $"{i}\ta film\t{(task.SecondColumn is null ? "" : "the story\t")}{label}");
            }

            foreach (var file in task.Tests)
            {
                Write(Path.Combine(place, file.FileName), header, file.OfficialRows, i => $"{i}\ta film{(task.SecondColumn is null ? "" : "\tthe story")}");
            }
        }

        Directory.CreateDirectory(Path.Combine(folder, "AX"));
        Write(Path.Combine(folder, "AX", "AX.tsv"), "index\tsentence1\tsentence2", 1104, i => $"{i}\ta film\tthe story");

        static void Write(string path, string? header, int rows, Func<string, string> row) => File.WriteAllLines(
            path, Enumerable.Range(0, rows).Select(i => (string?)row(i.ToString(CultureInfo.InvariantCulture))).Prepend(header).OfType<string>());
    }
}
