using CramGrains.Silo.Commands;
using static CramGrains.Silo.Tests.Commands.MiniatureStudy;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>Several processes on one study: the others are locks that the test holds, and lets go of as a kill does.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class StudySharingTests(TrainedRun trained, MiniatureStudy whole) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-sharing-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Study_DeviceInUse_IsRefused()
    {
        string output = Path.Combine(_folder, "used");
        using var held = new StudyFolder(output).TakeDevice("cpu");
        var outcome = Call(whole.Arguments(trained, output));
        Assert.Equal(1, outcome.Code);
        Assert.Contains("another process works on this study with cpu at ", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Study_PiecesOfOthers_AreLeftToThemAndWaitedFor()
    {
        // The others hold a pretraining, the grid that another one rests on, and a fine-tuning; they finish none of them.
        whole.Run(trained);
        string output = Path.Combine(_folder, "shared");
        var folder = new StudyFolder(output);
        var held = new Dictionary<string, IDisposable?>
        {
            ["adamw@grid=0.001#0"] = folder.Claim("cells/adamw/grid-0.001-1ktokens/seed-0"),
            ["muon@4ktokens#0"] = folder.Claim("cells/muon/4ktokens/seed-0"),
            ["muon@4ktokens#0, cola seed 0"] = folder.Claim("cells/muon/4ktokens/seed-0/glue/cola-0"),
        };
        var waits = new List<string>();
        var outcome = Call(whole.Arguments(trained, output), error =>
        {
            string last = error.TrimEnd().Split('\n')[^1];
            if (last.Contains("another process works on it", StringComparison.Ordinal))
            {
                string piece = last[..last.IndexOf(": another", StringComparison.Ordinal)];
                waits.Add(piece);
                held[piece]!.Dispose(); // killed
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.Equal(held.Keys, waits);
        int At(string text) => outcome.Error.IndexOf(text, StringComparison.Ordinal);
        Assert.InRange(At("muon@2ktokens#0: held-out"), 0, At("adamw@grid=0.001#0: another process")); // what was free was done first
        Assert.Equal(Cells(whole.Out), Cells(output));
        Assert.Equal(Glue(whole.Out), Glue(output));
    }

    [Fact]
    public void Study_PieceThatAnotherFinishesMeanwhile_IsTakenFromIt()
    {
        whole.Run(trained);
        string output = Path.Combine(_folder, "finished"), piece = "cells/muon/4ktokens/seed-0";
        using var claim = new StudyFolder(output).Claim(piece);
        var outcome = Call(whole.Arguments(trained, output), error =>
        {
            string there = Path.Combine(output, "cells", "muon", "4ktokens", "seed-0");
            if (!Directory.Exists(there) && error.Contains("muon@4ktokens#0: another process works on it", StringComparison.Ordinal))
            {
                Copy(Path.Combine(whole.Out, "cells", "muon", "4ktokens", "seed-0"), there);
                claim!.Dispose();
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.DoesNotContain("muon@4ktokens#0\n", outcome.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("muon@4ktokens#0, cola", outcome.Error, StringComparison.Ordinal); // its fine-tunings were copied with it
        Assert.Equal(Cells(whole.Out), Cells(output));
        Assert.Equal(Glue(whole.Out), Glue(output));
    }

    [Fact]
    public async Task Study_PieceFinishedWhileAnotherWritesTheTable_IsLetGoFirst()
    {
        // Whoever writes the table takes what others have finished, and for that waits until they have let go of it.
        string output = Path.Combine(_folder, "table"), piece = "cells/muon/2ktokens/seed-0";
        var other = new StudyFolder(output);
        Task<bool>? taken = null;
        var outcome = Call([.. whole.Arguments(trained, output), "--only", "muon@2ktokens", "--pretrain-only"], error =>
        {
            if (taken is null && error.Contains("muon@2ktokens#0: held-out", StringComparison.Ordinal))
            {
                var table = other.Claim("table");
                taken = Task.Run(() =>
                {
                    using (table)
                    {
                        using var claim = other.Claim(piece, TimeSpan.FromSeconds(20));
                        return claim is not null;
                    }
                });
            }

            return false;
        });
        Assert.True(outcome.Code == 0, outcome.Error);
        Assert.True(await taken!, "the piece was held for as long as its process waited for the table");
    }

    private static void Copy(string from, string to)
    {
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
