using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>What an unset variable of a shell, or a slip, makes of a command line: an error that names the option, and nothing done.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class OddInputTests(TrainedRun trained, MiniatureStudy study) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-odd-test-").FullName;

    private string Corpus => Path.Combine(trained.Root, "corpora", trained.Pretraining.Json.GetProperty("corpus_digest").GetString()!);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Study_EmptyOutput_IsRefusedAndLeavesTheWorkingFolderAlone()
    {
        var before = Directory.EnumerateFileSystemEntries(Environment.CurrentDirectory).Order().ToList();
        var refused = MiniatureStudy.Call(study.Arguments(trained, ""));
        Assert.Equal((2, "--out is empty. Name a folder; it is made where there is none.\n"), (refused.Code, refused.Error));
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(Environment.CurrentDirectory).Order());
    }

    [Fact]
    public void Pretrain_EmptyOutputOrCorpus_IsRefusedByTheNameOfTheOption()
    {
        var output = trained.Pretrain("");
        Assert.Equal((2, "--out is empty. Name a folder; it is made where there is none.\n"), (output.Code, output.Error));
        var corpus = TrainedRun.Call(PretrainCommand.Run, "quickstart", "--out", Path.Combine(_folder, "out"), "--corpus", "", "--device", "cpu");
        Assert.Equal((2, "--corpus is empty. Give a prepared corpus, text files or folders.\n"), (corpus.Code, corpus.Error));
    }

    [Fact]
    public void Export_TornManifestOfTheCorpus_IsNamed()
    {
        string run = Path.Combine(_folder, "run"), manifest = Path.Combine(run, RunCheckpoint.CorpusFile);
        Assert.Equal(0, trained.Pretrain(run).Code);
        File.WriteAllText(manifest, File.ReadAllText(manifest)[..100]);
        var refused = TrainedRun.Call(ExportCommand.Run, run, Path.Combine(_folder, "exported"));
        Assert.Equal(2, refused.Code);
        Assert.StartsWith($"{manifest}: torn or altered: ", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Glue_NoTasks_IsRefusedByTheNameOfTheOption()
    {
        var refused = TrainedRun.Call(GlueCommand.Run, "--baseline", "majority", "--glue", trained.Glue, "--tasks", "", "--device", "cpu");
        Assert.Equal((2, "No task is named. Give some, such as --tasks cola,mrpc; the run's recipe may have none in fine_tuning.tasks.\n"), (refused.Code, refused.Error));
    }

    [Fact]
    public void Glue_RunWhoseNameIsAPath_KeepsItsResultsInTheFolderThatWasNamed()
    {
        string run = Path.Combine(_folder, "run"), results = Path.Combine(_folder, "here", "results");
        Assert.Equal(0, trained.Pretrain(run, "name=..").Code);
        Assert.Equal(0, TrainedRun.Call(GlueCommand.Run, run, "--glue", trained.Glue, "--tasks", "cola", "--seeds", "1", "--set", "epochs=1", "--set", "maximum_train_examples=8", "--results", results, "--device", "cpu").Code);
        Assert.Equal([results], Directory.EnumerateFileSystemEntries(Path.Combine(_folder, "here")));
    }

    [Fact]
    public void Study_FolderInPlaceOfItsFile_IsNamed()
    {
        var refused = MiniatureStudy.Call(study.Arguments(trained, Path.Combine(_folder, "out"), _folder));
        Assert.Equal((2, $"{_folder}: is a folder. Name a study file, such as studies/mini-cram.json.\n"), (refused.Code, refused.Error));
    }

    [Fact]
    public void GlueCheck_FolderInPlaceOfAZip_IsNamed()
    {
        var refused = TrainedRun.Call(GlueCommand.Run, "check", _folder);
        Assert.Equal((2, $"{_folder}: is a folder. Name a zip for the GLUE test server.\n"), (refused.Code, refused.Error));
    }

    [Fact]
    public void Export_FolderThatIsNoRun_IsSaidToBeNone()
    {
        var refused = TrainedRun.Call(ExportCommand.Run, _folder, Path.Combine(_folder, "exported"));
        Assert.Equal((2, $"{_folder}: is no run and no checkpoint: it holds neither checkpoints/ and recipe.json nor manifest.json.\n"), (refused.Code, refused.Error));
        File.WriteAllText(Path.Combine(_folder, "recipe.json"), "{}"); // a run that has just begun
        Assert.Contains("holds no checkpoint yet", TrainedRun.Call(ExportCommand.Run, _folder, Path.Combine(_folder, "exported")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Export_EmptyFolder_IsRefusedByItsName()
    {
        var refused = TrainedRun.Call(ExportCommand.Run, trained.Run, "");
        Assert.Equal((2, "DIR is empty. Name a folder; it is made where there is none.\n"), (refused.Code, refused.Error));
    }

    [Theory]
    [InlineData("data prepare quickstart --threads -5", "--threads must be 1 or more, got -5.")]
    [InlineData("data sample CORPUS --rows 0", "--rows must be 1 or more, got 0.")]
    [InlineData("data bench CORPUS text.txt --runs 0", "--runs must be 1 or more, got 0.")]
    [InlineData("fill-mask RUN [MASK] --top 0", "--top must be 1 or more, got 0.")]
    [InlineData("study study.json --tokens rows.u16 --held-out-rows 0", "--held-out-rows must be 1 or more, got 0.")]
    public void Count_BelowOne_IsRefusedByTheNameOfTheOption(string line, string problem)
    {
        string[] words = [.. line.Split(' ').Select(word => word switch { "CORPUS" => Corpus, "RUN" => trained.Run, _ => word })];
        Func<string[], int> command = words[0] switch { "data" => DataCommand.Run, "study" => StudyCommand.Run, _ => FillMaskCommand.Run };
        var refused = TrainedRun.Call(command, words[1..]);
        Assert.Equal(2, refused.Code);
        Assert.StartsWith(problem + "\n", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_EmptyText_HasNoRate()
    {
        string empty = Path.Combine(_folder, "empty.txt");
        File.WriteAllText(empty, "");
        var encoded = TrainedRun.Call(DataCommand.Run, "encode", Corpus, empty, Path.Combine(_folder, "ids"));
        Assert.Equal((0, "0 tokens in 0.0 s of encoding, 0.0 MB/s on one core\n"), (encoded.Code, encoded.Output));
    }
}
