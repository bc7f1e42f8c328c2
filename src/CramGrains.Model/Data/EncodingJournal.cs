using System.Security.Cryptography;
using System.Text;
using CramGrains.Model.Data.Sources;

namespace CramGrains.Model.Data;

/// <summary>Where encoding stands, complete enough to go on as if it had never stopped.</summary>
internal sealed record EncodingNote(DocumentMark Mark, EncodingCounts Counts, long[] Tally, PackerState TrainingPacker, PackerState HeldOutPacker);

/// <summary>The last note, in one file that is replaced whole. A torn or foreign file counts as none.</summary>
internal sealed class EncodingJournal(string folder, int vocabularySize)
{
    public const string FileName = "encoding.journal";

    private const int Version = 2; // an older one counts as none, and encoding begins again

    private string Path => System.IO.Path.Combine(folder, FileName);

    public void Write(EncodingNote note)
    {
        using var content = new MemoryStream();
        using (var writer = new BinaryWriter(content, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(Version);
            writer.Write(vocabularySize);
            writer.Write(note.Mark.File);
            writer.Write(note.Mark.DocumentInFile);
            note.Counts.Write(writer);
            Write(writer, note.Tally);
            Write(writer, note.TrainingPacker);
            Write(writer, note.HeldOutPacker);
        }

        using (var file = new FileStream(Path + ".new", FileMode.Create, FileAccess.Write))
        {
            content.WriteTo(file);
            file.Write(SHA256.HashData(content.ToArray()));
            file.Flush(flushToDisk: true);
        }

        File.Move(Path + ".new", Path, overwrite: true);
    }

    public EncodingNote? Read()
    {
        if (!File.Exists(Path))
        {
            return null;
        }

        var bytes = File.ReadAllBytes(Path);
        if (bytes.Length < SHA256.HashSizeInBytes || !SHA256.HashData(bytes.AsSpan(0, bytes.Length - SHA256.HashSizeInBytes)).AsSpan().SequenceEqual(bytes.AsSpan(bytes.Length - SHA256.HashSizeInBytes)))
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(bytes), Encoding.UTF8);
        if (reader.ReadInt32() != Version || reader.ReadInt32() != vocabularySize)
        {
            return null;
        }

        var (file, document) = (reader.ReadInt32(), reader.ReadInt64());
        var counts = EncodingCounts.Read(reader, vocabularySize);
        return new EncodingNote(new DocumentMark(file, document, counts.Source), counts, ReadLongs(reader), ReadPacker(reader), ReadPacker(reader));
    }

    private static void Write(BinaryWriter writer, long[] values)
    {
        writer.Write(values.Length);
        Array.ForEach(values, writer.Write);
    }

    private static void Write(BinaryWriter writer, PackerState state)
    {
        Write(writer, [.. state.Row.Select(id => (long)id)]);
        writer.Write(state.DocumentsInGroup);
        writer.Write(state.DroppedTokens);
    }

    private static long[] ReadLongs(BinaryReader reader)
    {
        var values = new long[reader.ReadInt32()];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = reader.ReadInt64();
        }

        return values;
    }

    private static PackerState ReadPacker(BinaryReader reader) => new([.. ReadLongs(reader).Select(id => (int)id)], reader.ReadInt32(), reader.ReadInt64());
}
