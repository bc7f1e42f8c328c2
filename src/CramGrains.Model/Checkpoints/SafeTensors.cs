using System.Buffers.Binary;
using System.Numerics;
using System.Text.Json;
using static TorchSharp.torch;

namespace CramGrains.Model.Checkpoints;

/// <summary>Reads and writes the safetensors format: 8 bytes of header length, a JSON header, raw little-endian values.</summary>
public static class SafeTensors
{
    private const int MaximumHeader = 100_000_000; // the format's own limit
    private const string Metadata = "__metadata__";

    private static readonly (string Name, ScalarType Type, int Size)[] Types =
    [
        ("F64", ScalarType.Float64, 8), ("F32", ScalarType.Float32, 4), ("F16", ScalarType.Float16, 2), ("BF16", ScalarType.BFloat16, 2),
        ("I64", ScalarType.Int64, 8), ("I32", ScalarType.Int32, 4), ("I16", ScalarType.Int16, 2), ("I8", ScalarType.Int8, 1),
        ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    /// <summary>Writes tensors in the order of their names, so that equal tensors give equal bytes.</summary>
    /// <param name="stream">Receives the file; is not flushed.</param>
    /// <param name="tensors">On any device; copied to the CPU one by one.</param>
    /// <param name="metadata">Strings for the header; null for none.</param>
    public static void Write(Stream stream, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal).ToArray();
        byte[] header = Header(ordered, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var (_, tensor) in ordered)
        {
            using var scope = NewDisposeScope();
            stream.Write(tensor.detach().cpu().contiguous().bytes); // sync: a checkpoint waits for the device
        }
    }

    /// <summary>Writes a file; see <see cref="Write(Stream, IReadOnlyDictionary{string, Tensor}, IReadOnlyDictionary{string, string}?)"/>.</summary>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20);
        Write(stream, tensors, metadata);
    }

    /// <summary>Reads all tensors of a file onto the CPU; the caller disposes them.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">It is no safetensors file, or is cut short; the message says where.</exception>
    public static Dictionary<string, Tensor> Read(string path)
    {
        using var stream = File.OpenRead(path);
        var (entries, start) = ReadHeader(stream, path);
        var tensors = new Dictionary<string, Tensor>();
        try
        {
            foreach (var (name, type, shape, begin) in entries)
            {
                var value = empty(shape, type).DetachFromDisposeScope();
                tensors.Add(name, value);
                stream.Position = start + begin;
                stream.ReadExactly(value.bytes);
            }

            return tensors;
        }
        catch
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            throw;
        }
    }

    private static byte[] Header(KeyValuePair<string, Tensor>[] ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WritePropertyName(Metadata);
                JsonSerializer.Serialize(json, metadata);
            }

            long offset = 0;
            foreach (var (name, tensor) in ordered)
            {
                var (typeName, _, size) = Types.FirstOrDefault(type => type.Type == tensor.dtype);
                if (typeName is null)
                {
                    throw new ArgumentException($"Tensor {name} has type {tensor.dtype}, which safetensors files do not take.");
                }

                long bytes = tensor.numel() * size;
                json.WriteStartObject(name);
                json.WriteString("dtype", typeName);
                json.WriteStartArray("shape");
                foreach (long extent in tensor.shape)
                {
                    json.WriteNumberValue(extent);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0)
        {
            buffer.WriteByte((byte)' '); // values start aligned
        }

        return buffer.ToArray();
    }

    private static (List<(string Name, ScalarType Type, long[] Shape, long Begin)> Entries, long Start) ReadHeader(FileStream stream, string path)
    {
        Span<byte> prefix = stackalloc byte[8];
        if (stream.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
        {
            throw new InvalidDataException($"{path}: {stream.Length} bytes are too few for a safetensors file.");
        }

        long length = BinaryPrimitives.ReadInt64LittleEndian(prefix);
        if (length is < 2 or > MaximumHeader || length > stream.Length - 8)
        {
            throw new InvalidDataException($"{path}: a header of {length} bytes cannot be in a safetensors file of {stream.Length} bytes.");
        }

        byte[] header = new byte[length];
        stream.ReadExactly(header);
        long start = 8 + length;
        try
        {
            using var document = JsonDocument.Parse(header);
            var (entries, names) = (new List<(string, ScalarType, long[], long)>(), new HashSet<string>());
            foreach (var property in document.RootElement.EnumerateObject().Where(property => property.Name != Metadata))
            {
                string typeName = property.Value.GetProperty("dtype").GetString()!;
                var (known, type, size) = Types.FirstOrDefault(type => type.Name == typeName);
                if (known is null)
                {
                    throw new InvalidDataException($"{path}: {property.Name} has type {typeName}; known are {string.Join(", ", Types.Select(type => type.Name))}.");
                }

                long[] shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(extent => extent.GetInt64())];
                long[] offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
                if (offsets is not [>= 0, _] || offsets[1] < offsets[0] || start + offsets[1] > stream.Length || shape.Any(extent => extent < 0))
                {
                    throw new InvalidDataException($"{path}: {property.Name} ends at byte {start + offsets.LastOrDefault()}, but the file has {stream.Length}. It was cut short.");
                }

                // Before any memory is taken: files come from elsewhere too.
                var needed = shape.Aggregate(new BigInteger(size), (bytes, extent) => bytes * extent);
                if (needed != offsets[1] - offsets[0])
                {
                    throw new InvalidDataException($"{path}: {property.Name} of shape [{string.Join(", ", shape)}] needs {needed} bytes, but its header gives it {offsets[1] - offsets[0]}.");
                }

                if (!names.Add(property.Name))
                {
                    throw new InvalidDataException($"{path}: {property.Name} stands there twice.");
                }

                entries.Add((property.Name, type, shape, offsets[0]));
            }

            return (entries, start);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{path}: its header is no safetensors header: {error.Message}", error);
        }
    }
}
