using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

public sealed class StudyFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("cram-study-folder-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(230)] // the lock's name alone is too long for a file system
    [InlineData(300)] // the folder's too
    public void Finish_PieceOfALongSetting_IsClaimedKeptAndToldFromItsLike(int length)
    {
        var folder = new StudyFolder(_root);
        string[] pieces = [.. ((string[])["a", "b"]).Select(end => $"cells/modern/8m/seed-0/glue-choice/{new string('x', length)}{end}/cola-0")];
        var about = new Dictionary<string, string> { ["data"] = "d" };
        using var first = folder.Claim(pieces[0]);
        using var second = folder.Claim(pieces[1]);
        Assert.NotNull(first);
        Assert.NotNull(second);
        Assert.Null(folder.Claim(pieces[0]));
        foreach (string piece in pieces)
        {
            folder.Begin(piece, about);
            folder.Finish(piece, about, piece);
        }

        Assert.Equal(pieces, pieces.Select(piece => folder.Find<string>(piece, about)));
    }
}
