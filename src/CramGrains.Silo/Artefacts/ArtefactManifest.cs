using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace CramGrains.Silo.Artefacts;

/// <summary>What can travel between machines. Values are stored; they are never renumbered or reused.</summary>
internal enum ArtefactKind
{
    /// <summary>A prepared corpus; its name is its digest.</summary>
    Corpus = 1,

    /// <summary>A checkpoint; its name is <c>RUN/step-N.epoch-E</c>.</summary>
    Checkpoint = 2,

    /// <summary>GLUE files of one task; its name is what the machine that offers them calls the offer.</summary>
    Glue = 3,
}

/// <summary>One file of an artefact.</summary>
/// <param name="Name">Path below the artefact's folder, with forward slashes.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of its content.</param>
[GenerateSerializer, Immutable, Alias("cram.ArtefactFile")]
internal sealed record ArtefactFile([property: Id(0)] string Name, [property: Id(1)] long Bytes, [property: Id(2)] string Sha256);

/// <summary>All that an artefact consists of. Its digest names the content: equal digests mean equal files.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Which one.</param>
/// <param name="Files">Its files.</param>
[GenerateSerializer, Immutable, Alias("cram.ArtefactManifest")]
internal sealed record ArtefactManifest(
    [property: Id(0)] ArtefactKind Kind, [property: Id(1)] string Name, [property: Id(2)] IReadOnlyList<ArtefactFile> Files)
{
    /// <summary>Bytes of all files.</summary>
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>SHA-256 over the sorted list of files; kind and name are not part of it.</summary>
    public string Digest()
    {
        var text = new StringBuilder();
        foreach (ArtefactFile file in Files.OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{file.Sha256} {file.Bytes} {file.Name}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>What is wrong with it as a list of files to write below a folder; null when nothing is.</summary>
    public string? FindProblem() =>
        Files.Count == 0 ? "it lists no files"
        : Files.FirstOrDefault(file => file.Bytes < 0 || !IsInside(file.Name)) is { } bad ? $"it lists '{bad.Name}', which is no place below a folder"
        : Files.DistinctBy(file => file.Name).Count() < Files.Count ? "it lists a file twice"
        : null;

    private static bool IsInside(string name) =>
        name.Length > 0 && !name.Contains('\\', StringComparison.Ordinal) && !Path.IsPathRooted(name) && name.Split('/').All(part => part is not ("" or "." or ".."));
}
