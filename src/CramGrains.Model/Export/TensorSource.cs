using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>The tensors of a file that is being imported; remembers which of them were used.</summary>
internal sealed class TensorSource(string path, IReadOnlyDictionary<string, Tensor> tensors)
{
    private readonly HashSet<string> _taken = [];

    public bool Has(string name) => tensors.ContainsKey(name);

    /// <summary>A tensor in float32; belongs to the file or to the caller's dispose scope.</summary>
    /// <exception cref="ExportException">The file lacks it.</exception>
    public Tensor Take(string name)
    {
        _taken.Add(name);
        return tensors.TryGetValue(name, out var tensor) ? tensor.to(ScalarType.Float32) : throw new ExportException($"{path}: the tensor {name} is missing.");
    }

    /// <summary>Checks every weight against the architecture and hands over copies that the model owns.</summary>
    public ImportedModel Finish(
        string kind, ArchitectureRecipe shape, int maximumLength, Dictionary<string, Tensor> weights, ImportedVocabulary vocabulary, int pairSeparators)
    {
        WeightShapes.Check(path, WeightShapes.Of(shape, weights["word.weight"].shape[0], maximumLength), weights);
        var owned = weights.ToDictionary(weight => weight.Key, weight => weight.Value.clone().contiguous().DetachFromDisposeScope());
        return new(kind, shape, maximumLength, owned, vocabulary, pairSeparators, [.. tensors.Keys.Where(name => !_taken.Contains(name)).Order(StringComparer.Ordinal)]);
    }
}
