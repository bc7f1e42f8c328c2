using System.Runtime.CompilerServices;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests;

/// <summary>Files made by PyTorch, or by an earlier version, that this version is held to.</summary>
internal static class Goldens
{
    public static string Repository { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", ".."));

    public static string Folder { get; } = Path.Combine(Repository, "tests", "goldens");

    public static Dictionary<string, Tensor> Read(string path) => SafeTensors.Read(Path.Combine(Folder, path));

    public static MaskedMicrobatch Microbatch(IReadOnlyDictionary<string, Tensor> batch)
    {
        int[] Values(string name) => [.. batch[name].flatten().data<long>().Select(value => (int)value)];
        var microbatch = new MaskedMicrobatch((int)batch["ids"].shape[0], (int)batch["ids"].shape[1], (int)batch["positions"].numel());
        Values("ids").CopyTo(microbatch.Ids, 0);
        Values("positions").CopyTo(microbatch.Positions, 0);
        Values("labels").CopyTo(microbatch.Labels, 0);
        return microbatch;
    }

    /// <summary>Largest difference over the largest expected value.</summary>
    public static double RelativeError(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        return ((expected - actual).abs().max().item<float>()) / (double)expected.abs().max().item<float>();
    }

    public static void AssertClose(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, double tolerance)
    {
        Assert.Equal(expected.Keys.Order(), actual.Keys.Order());
        foreach (var (name, value) in expected)
        {
            Assert.Equal(value.shape, actual[name].shape);
            Assert.True(RelativeError(value, actual[name]) < tolerance, $"{name} differs by {RelativeError(value, actual[name]):G3} of its largest value.");
        }
    }

    private static string Here([CallerFilePath] string path = "") => path;
}
