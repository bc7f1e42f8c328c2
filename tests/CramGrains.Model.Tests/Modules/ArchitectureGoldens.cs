using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Modules;

/// <summary>What <c>tests/goldens/scripts/make_architecture_goldens.py</c> made with PyTorch: <c>options.json</c> and one file for each architecture option.</summary>
internal static class ArchitectureGoldens
{
    private const string Folder = "architectures";

    private static readonly JsonSerializerOptions Json = new(RecipeJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    /// <summary>Every option by name.</summary>
    public static IReadOnlyDictionary<string, GoldenOption> All { get; } = JsonSerializer.Deserialize<OptionsFile>(
        File.ReadAllText(Path.Combine(Goldens.Folder, Folder, "options.json")), Json)!.Options;

    /// <summary>Tensors of an option.</summary>
    public static Dictionary<string, Tensor> Read(string name) => Goldens.Read(Path.Combine(Folder, name + ".safetensors"));

    /// <summary>Those whose name begins with a prefix, without it.</summary>
    public static Dictionary<string, Tensor> Part(IReadOnlyDictionary<string, Tensor> tensors, string prefix) => tensors
        .Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value);

    private sealed record OptionsFile(string Torch, Dictionary<string, GoldenOption> Options);
}

/// <summary>One golden.</summary>
/// <param name="Vocabulary">Entries of its vocabulary (V).</param>
/// <param name="Length">Tokens of a row (S).</param>
/// <param name="Architecture">Its shape, every setting written out.</param>
/// <param name="Head">Its fine-tuning head; null where it is a language model.</param>
internal sealed record GoldenOption(int Vocabulary, int Length, ArchitectureRecipe Architecture, GoldenHead? Head = null);

/// <summary>A fine-tuning head.</summary>
internal sealed record GoldenHead(PoolingKind Pooling, int HeadSize, int Outputs);
