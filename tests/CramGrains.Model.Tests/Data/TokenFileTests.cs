using System.Runtime.InteropServices;
using CramGrains.Model.Data;

namespace CramGrains.Model.Tests.Data;

public sealed class TokenFileTests : IDisposable
{
    private const int Sequence = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_FileAsItStands_HoldsTheFirstRowsOut()
    {
        using var file = TokenFile.Open(Write(7), Sequence, 100, heldOutRows: 2);
        Assert.Equal([0, 1], Rows(file.HeldOut));
        Assert.Equal([2, 3, 4, 5, 6], Rows(file.Training));
        Assert.Equal(Sequence, file.Training.SequenceLength);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Open_RowOrder_IsTheOtherProgramsShuffle(bool wide)
    {
        int[] order = [3, 0, 6, 1, 5, 2, 4];
        using var file = TokenFile.Open(Write(7), Sequence, 100, 2, WriteOrder(order, wide));
        Assert.Equal([3, 0], Rows(file.HeldOut));
        Assert.Equal([6, 1, 5, 2, 4], Rows(file.Training));
    }

    [Fact]
    public void Export_RowsOfACorpus_IsReadAsTheSameRows()
    {
        using var source = TokenFile.Open(Write(9), Sequence, 100, 3, WriteOrder([8, 7, 6, 5, 4, 3, 2, 1, 0], true));
        string path = Path.Combine(_folder.Path, "out.u16");
        Assert.Equal((2, 8), TokenFile.Export(path, source.HeldOut, source.Training, heldOutRows: 2));
        using var read = TokenFile.Open(path, Sequence, 100, 2);
        Assert.Equal([8, 7], Rows(read.HeldOut));
        Assert.Equal([5, 4, 3, 2, 1, 0], Rows(read.Training));
        Assert.Equal((ushort)8, MemoryMarshal.Read<ushort>(File.ReadAllBytes(path))); // from the first byte on, little-endian
    }

    [Fact]
    public void Digest_OtherIdsOrderOrParting_IsAnother()
    {
        string path = Write(7), order = WriteOrder([0, 1, 2, 3, 4, 6, 5], true);
        string[] digests = [Digest(path, 2), Digest(path, 3), Digest(path, 2, order), Digest(Write(8), 2)];
        Assert.Equal(4, digests.Distinct().Count());
        Assert.Equal(digests[3], Digest(Write(8), 2));
    }

    [Fact]
    public void Open_WrongFile_SaysWhatAndWhere()
    {
        string cut = Path.Combine(_folder.Path, "cut");
        File.WriteAllBytes(cut, new byte[9]);
        Expect("9 bytes, expected a multiple of 8", () => TokenFile.Open(cut, Sequence, 100, 2));
        Expect("7 rows of 4 tokens, expected more than the 7", () => TokenFile.Open(Write(7), Sequence, 100, 7));
        Expect("holds id 6, expected ids below the vocabulary's 6", () => TokenFile.Open(Write(7), Sequence, 6, 2));
        Expect("missing", () => TokenFile.Open(Path.Combine(_folder.Path, "nowhere"), Sequence, 6, 2));
        Expect("row 1 is named twice", () => TokenFile.Open(Write(3), Sequence, 100, 1, WriteOrder([1, 0, 1], true)));
        Expect("row 9 is not in 0 to 2", () => TokenFile.Open(Write(3), Sequence, 100, 1, WriteOrder([1, 0, 9], true)));
        Expect("expected 12 or 24", () => TokenFile.Open(Write(3), Sequence, 100, 1, WriteOrder([0, 1], true)));
    }

    [Fact]
    public void Export_IdBeyond16Bits_LeavesNoFile()
    {
        string path = Path.Combine(_folder.Path, "wide.u16");
        var rows = new ArrayRows([1, 2, 3, 70_000]);
        Expect("id 70000 needs more than 16 bits", () => TokenFile.Export(path, rows, rows));
        Assert.Empty(Directory.EnumerateFiles(_folder.Path, "wide*"));
    }

    private static void Expect(string message, Action action) => Assert.Contains(message, Assert.Throws<CorpusException>(action).Message, StringComparison.Ordinal);

    private static string Digest(string path, int heldOut, string? order = null)
    {
        using var file = TokenFile.Open(path, Sequence, 100, heldOut, order);
        return file.Digest;
    }

    /// <summary>The first id of each row, which is its number.</summary>
    private static int[] Rows(ITokenRows rows) => [.. Enumerable.Range(0, (int)rows.Count).Select(row =>
    {
        int[] ids = new int[Sequence];
        rows.CopyRow(row, ids);
        return ids[0];
    })];

    private string Write(int rows)
    {
        ushort[] ids = [.. Enumerable.Range(0, rows * Sequence).Select(i => (ushort)(i / Sequence))];
        string path = Path.Combine(_folder.Path, $"{rows}.u16");
        File.WriteAllBytes(path, MemoryMarshal.AsBytes(ids.AsSpan()).ToArray());
        return path;
    }

    private string WriteOrder(int[] order, bool wide)
    {
        string path = Path.Combine(_folder.Path, $"{Guid.NewGuid():N}.order");
        File.WriteAllBytes(path, wide ? MemoryMarshal.AsBytes(order.Select(row => (long)row).ToArray().AsSpan()).ToArray() : MemoryMarshal.AsBytes(order.AsSpan()).ToArray());
        return path;
    }
}
