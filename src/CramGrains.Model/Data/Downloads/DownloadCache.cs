using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Downloads;

/// <summary>What is known of a fetched file; <c>entry.json</c> in its folder of the cache, written last.</summary>
/// <param name="Address">Where it came from.</param>
/// <param name="Name">File name in the folder.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Content, lower-case hexadecimal.</param>
/// <param name="EntityTag">The server's tag of this version, where it gave one.</param>
internal sealed record DownloadEntry(string Address, string Name, long Bytes, string Sha256, string? EntityTag = null);

/// <summary>One folder per address; a file is there whole or, under another name, in part.</summary>
internal sealed class DownloadCache
{
    private const string EntryName = "entry.json";

    private readonly string _folder;
    private readonly string _name;

    public DownloadCache(string cacheFolder, Uri address)
    {
        Address = address;
        _folder = Path.Combine(cacheFolder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address.AbsoluteUri)))[..24]);
        _name = NameOf(address);
    }

    public Uri Address { get; }

    public string PartialFile => Path.Combine(_folder, "partial");

    private string EntryFile => Path.Combine(_folder, EntryName);

    private string PartialTag => PartialFile + ".tag";

    /// <summary>The file, if it is there whole; its size is compared, its content when it is read as a source.</summary>
    public (string Path, DownloadEntry Entry)? Find()
    {
        try
        {
            var entry = File.Exists(EntryFile) ? JsonSerializer.Deserialize<DownloadEntry>(File.ReadAllText(EntryFile), RecipeJson.Options) : null;
            return entry is not null && new FileInfo(Path.Combine(_folder, entry.Name)) is { Exists: true } file && file.Length == entry.Bytes ? (file.FullName, entry) : null;
        }
        catch (JsonException)
        {
            return null; // Torn; the file is fetched again.
        }
    }

    /// <summary>Keeps other processes from fetching the same.</summary>
    public CorpusLock Lock(Action waiting, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_folder);
        return CorpusLock.Acquire(Path.Combine(_folder, "lock"), waiting, cancellationToken);
    }

    /// <summary>Bytes that an earlier try left, and the version that they belong to; nothing where that is unknown, since they could not be continued safely.</summary>
    public (long Bytes, string Tag)? Partial() =>
        File.Exists(PartialFile) && File.Exists(PartialTag) && File.ReadAllText(PartialTag) is { Length: > 0 } tag ? (new FileInfo(PartialFile).Length, tag) : null;

    public FileStream StartPartial(string? tag)
    {
        File.Delete(PartialTag);
        var file = new FileStream(PartialFile, FileMode.Create, FileAccess.Write, FileShare.Read, 1 << 16);
        if (tag is not null)
        {
            File.WriteAllText(PartialTag, tag);
        }

        return file;
    }

    public FileStream ContinuePartial() => new(PartialFile, FileMode.Append, FileAccess.Write, FileShare.Read, 1 << 16);

    public void DropPartial()
    {
        File.Delete(PartialTag);
        File.Delete(PartialFile);
    }

    /// <summary>Gives the partial file its name, once all of it is on the disk.</summary>
    public string Complete(string sha256, string? entityTag)
    {
        var path = Path.Combine(_folder, _name);
        using (var file = new FileStream(PartialFile, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Flush(flushToDisk: true);
        }

        File.Delete(EntryFile);
        File.Move(PartialFile, path, overwrite: true);
        File.Delete(PartialTag);
        var entry = new DownloadEntry(Address.AbsoluteUri, _name, new FileInfo(path).Length, sha256, entityTag);
        File.WriteAllText(EntryFile + ".new", JsonSerializer.Serialize(entry, RecipeJson.Options));
        File.Move(EntryFile + ".new", EntryFile, overwrite: true);
        DurableFiles.FlushFolder(_folder);
        return path;
    }

    // The ending says what a file is, so the last part of the address becomes its name.
    private static string NameOf(Uri address)
    {
        var last = Uri.UnescapeDataString(address.AbsolutePath).Split('/', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "";
        var name = string.Concat(last.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '_')).TrimStart('.');
        return name is "" or EntryName or "lock" or "partial" ? "content" : name.Length > 120 ? name[^120..] : name;
    }
}
