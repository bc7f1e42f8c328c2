using System.Runtime.InteropServices;

namespace CramGrains.Model.Data.Duplicates;

/// <summary>Which documents and which parts of documents repeat earlier text: the outcome of <see cref="DuplicateStage"/>, read from its files.</summary>
internal sealed class DuplicateFilter(string? nearDuplicatesFile, string? cutsFile, DuplicateCounts counts)
{
    private readonly byte[] _nearDuplicates = nearDuplicatesFile is null ? [] : File.ReadAllBytes(nearDuplicatesFile);

    /// <summary>What was found.</summary>
    public DuplicateCounts Counts { get; } = counts;

    /// <summary>Whether a document nearly repeats an earlier one.</summary>
    public bool IsNearDuplicate(long document) => document / 8 < _nearDuplicates.Length && (_nearDuplicates[document / 8] >> (int)(document % 8) & 1) != 0;

    /// <summary>The cuts of a reading, whose documents come in order.</summary>
    public TextCuts? OpenCuts() => cutsFile is null ? null : new TextCuts(cutsFile);
}

/// <summary>What was found to repeat earlier text.</summary>
/// <param name="NearDuplicates">Documents that nearly repeat an earlier one.</param>
/// <param name="CutDocuments">Documents of which a part was cut.</param>
/// <param name="CutStretches">Parts that were cut.</param>
/// <param name="CutBytes">Their UTF-8 bytes.</param>
public sealed record DuplicateCounts(long NearDuplicates, long CutDocuments, long CutStretches, long CutBytes);

/// <summary>A part of a document, in bytes of its UTF-8 text.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TextCut(long Document, int Start, int End);
