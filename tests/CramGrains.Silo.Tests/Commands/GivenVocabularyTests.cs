using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>Vocabularies named by hand: what is not the model's own must not get into an export or a study.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class GivenVocabularyTests(TrainedRun trained, MiniatureStudy study) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-vocabulary-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("short", "69 entries, expected the rows of the model's word embedding = 70.")]
    [InlineData("long", "71 entries, expected the rows of the model's word embedding = 70.")]
    [InlineData("twice", "The vocabulary holds '[MASK]' twice.")]
    [InlineData("reversed", "A vocabulary must start with [PAD] [UNK] [CLS] [SEP] [MASK]")]
    public void Export_VocabularyOfAnotherModel_IsRefusedByName(string kind, string reason)
    {
        string[] own = File.ReadAllLines(Path.Combine(trained.Run, RunCheckpoint.VocabularyFile));
        string file = Path.Combine(_folder, "vocab.txt");
        File.WriteAllLines(file, kind switch
        {
            "short" => own[..^1],
            "long" => [.. own, "one-more"],
            "twice" => [.. own[..^1], own[4]],
            _ => own.Reverse(),
        });
        var refused = TrainedRun.Call(ExportCommand.Run, trained.Run, Path.Combine(_folder, "exported"), "--vocabulary", file);
        Assert.Equal(2, refused.Code);
        Assert.Contains($"{file}: {reason}", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "exported")));
    }

    [Fact]
    public void Export_OwnVocabularyByName_IsTheSameTokenizer()
    {
        string exported = Path.Combine(_folder, "exported"), own = Path.Combine(trained.Run, RunCheckpoint.VocabularyFile);
        var outcome = TrainedRun.Call(ExportCommand.Run, trained.Run, exported, "--vocabulary", own);
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(File.ReadAllLines(own), File.ReadAllLines(Path.Combine(exported, "vocab.txt")));
    }

    [Fact]
    public void Study_VocabularyThatIsNone_IsRefusedBeforeItTrains()
    {
        string rows = Path.Combine(_folder, "rows.u16"), output = Path.Combine(_folder, "out");
        Assert.Equal(0, MiniatureStudy.Call([study.Study, "--corpus", trained.Text, "--corpora", Path.Combine(trained.Root, "corpora"), "--glue", trained.Glue, "--export-tokens", rows]).Code);
        string[] own = File.ReadAllLines(rows + ".vocab.txt");
        File.WriteAllLines(rows + ".vocab.txt", [.. own[..^1], own[^2]]);
        var refused = MiniatureStudy.Call(
            [study.Study, "--tokens", rows, "--held-out-rows", "8", "--vocabulary", rows + ".vocab.txt", "--out", output, "--device", "cpu", "--only", "muon@2ktokens", "--glue", trained.Glue]);
        Assert.Equal(2, refused.Code);
        Assert.Contains($"{rows}.vocab.txt: The vocabulary holds '{own[^2]}' twice.", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(output, "cells")));
    }
}
