using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Checkpoints;

namespace CramGrains.Model.Evaluation;

/// <summary>One example.</summary>
/// <param name="First">First or only sentence.</param>
/// <param name="Second">Second sentence; null where the task has single sentences.</param>
/// <param name="Label">Number of the class, or the score from 0 to 5; NaN in test files, whose labels are secret.</param>
public readonly record struct GlueExample(string First, string? Second, double Label);

/// <summary>The examples of one file.</summary>
/// <param name="File">Which official file it is.</param>
/// <param name="Path">Where it was read.</param>
/// <param name="Examples">In the order of the file.</param>
/// <param name="BrokenRows">Rows without all columns that were passed over (QQP has some).</param>
public sealed record GlueSplit(GlueFile File, string Path, IReadOnlyList<GlueExample> Examples, int BrokenRows)
{
    /// <summary>Fewer examples than the official file has: scores are not comparable with published ones.</summary>
    public bool IsSubset => Examples.Count < File.OfficialRows;
}

/// <summary>One task's training and dev data.</summary>
/// <param name="Task">The task.</param>
/// <param name="Train">Training examples.</param>
/// <param name="Evaluations">Dev examples, one split per scored name.</param>
public sealed record GlueData(GlueTask Task, GlueSplit Train, IReadOnlyList<GlueSplit> Evaluations)
{
    /// <summary>Names the content of the files apart, wherever they lie: SHA-256 over theirs, read anew.</summary>
    public string Digest() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ', Evaluations.Prepend(Train).Select(split => DurableFiles.Sha256(split.Path))))));
}
