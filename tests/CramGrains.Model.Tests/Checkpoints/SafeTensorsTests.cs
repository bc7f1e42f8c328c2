using CramGrains.Model.Checkpoints;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Checkpoints;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    private string File => Path.Combine(_folder.Path, "x.safetensors");

    public void Dispose()
    {
        _folder.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Read_WhatWasWritten_IsBitwiseTheSame()
    {
        var tensors = new Dictionary<string, Tensor>
        {
            ["f32"] = randn(3, 5),
            ["bf16"] = randn(7).to(ScalarType.BFloat16),
            ["i64"] = arange(4, dtype: ScalarType.Int64),
            ["bool"] = tensor([true, false, true]),
            ["scalar"] = tensor(42L),
            ["empty"] = zeros(0, 3),
            ["transposed"] = randn(3, 5).t(),
        };
        SafeTensors.Write(File, tensors);
        var read = SafeTensors.Read(File);
        Assert.Equal(tensors.Keys.Order(), read.Keys.Order());
        Assert.All(tensors, pair =>
        {
            Assert.Equal(pair.Value.dtype, read[pair.Key].dtype);
            Assert.Equal(pair.Value.shape, read[pair.Key].shape);
            Assert.Equal(pair.Value.contiguous().bytes.ToArray(), read[pair.Key].bytes.ToArray());
        });
    }

    [Fact]
    public void Write_PeersTensors_GivesAFileThatStartsItsValuesAligned()
    {
        SafeTensors.Write(File, Goldens.Read("peer/weights.safetensors"));
        Assert.Equal(0, BitConverter.ToInt64(System.IO.File.ReadAllBytes(File)) % 8);
    }

    [Theory]
    [InlineData(4, "are too few")]
    [InlineData(200, "a header of")]
    [InlineData(60_000, "was cut short")]
    public void Read_TornFile_SaysWhere(int length, string expected)
    {
        byte[] whole = System.IO.File.ReadAllBytes(Path.Combine(Goldens.Folder, "peer", "weights.safetensors"));
        System.IO.File.WriteAllBytes(File, whole[..length]);
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => SafeTensors.Read(File)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HeaderThatIsNoJson_SaysSo()
    {
        System.IO.File.WriteAllBytes(File, [8, 0, 0, 0, 0, 0, 0, 0, .. "not json"u8]);
        Assert.Contains("no safetensors header", Assert.Throws<InvalidDataException>(() => SafeTensors.Read(File)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1000000000,1000000],\"data_offsets\":[0,4]}}", "a of shape [1000000000, 1000000] needs 4000000000000000 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387904],\"data_offsets\":[0,4]}}", "a of shape [4611686018427387904, 4611686018427387904] needs")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "a stands there twice")]
    public void Read_HeaderThatCannotBe_SaysWhich(string header, string expected)
    {
        System.IO.File.WriteAllBytes(File, [.. BitConverter.GetBytes((long)header.Length), .. System.Text.Encoding.UTF8.GetBytes(header), 0, 0, 0, 0]);
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => SafeTensors.Read(File)).Message, StringComparison.Ordinal);
    }
}
