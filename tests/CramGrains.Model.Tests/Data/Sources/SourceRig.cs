using System.IO.Compression;
using System.Text;
using SharpCompress.Compressors.BZip2;

namespace CramGrains.Model.Tests.Data.Sources;

/// <summary>Files of a source in a folder of their own.</summary>
internal sealed class SourceRig : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Folder => _folder.Path;

    public string Path(string name) => System.IO.Path.Combine(_folder.Path, name);

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes a file, compressed as its name says.</summary>
    public string Write(string name, byte[] content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path(name))!);
        File.WriteAllBytes(Path(name), Compress(content, System.IO.Path.GetExtension(name)));
        return Path(name);
    }

    public static byte[] Compress(byte[] content, string ending)
    {
        using var output = new MemoryStream();
        using (Stream? packer = ending switch
        {
            ".gz" => new GZipStream(output, CompressionLevel.Fastest, leaveOpen: true),
            ".zst" => Zstandard(output),
            ".bz2" => BZip2Stream.Create(output, SharpCompress.Compressors.CompressionMode.Compress, decompressConcatenated: false, leaveOpen: true),
            _ => null,
        })
        {
            (packer ?? output).Write(content);
        }

        return output.ToArray();
    }

    // With the checksum that the zstd program writes too.
    private static ZstdSharp.CompressionStream Zstandard(Stream output)
    {
        var packer = new ZstdSharp.CompressionStream(output, leaveOpen: true);
        packer.SetParameter(ZstdSharp.Unsafe.ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        return packer;
    }

    public void Dispose() => _folder.Dispose();
}
