using static TorchSharp.torch;

namespace CramGrains.Model.Training;

/// <summary>Named tensors that must match another set name by name.</summary>
public static class TensorSet
{
    /// <summary>Copies values between two sets that have the same names and shapes; nothing is copied unless all match.</summary>
    /// <param name="what">What the tensors are, for messages.</param>
    /// <param name="source">Values, on any device.</param>
    /// <param name="destination">Receives them.</param>
    /// <exception cref="ArgumentException">A tensor is missing, unknown or has another shape; the message names it.</exception>
    public static void Copy(string what, IReadOnlyDictionary<string, Tensor> source, IReadOnlyDictionary<string, Tensor> destination)
    {
        foreach (var (name, target) in destination)
        {
            if (!source.TryGetValue(name, out var value))
            {
                throw new ArgumentException($"The {what} lack the tensor {name}. They belong to another architecture or optimizer.");
            }

            if (!value.shape.SequenceEqual(target.shape))
            {
                throw new ArgumentException(
                    $"In the {what}, {name} has shape [{string.Join(", ", value.shape)}], expected [{string.Join(", ", target.shape)}]. They belong to another architecture.");
            }
        }

        if (source.Keys.FirstOrDefault(name => !destination.ContainsKey(name)) is { } unknown)
        {
            throw new ArgumentException($"The {what} hold the tensor {unknown}, which this model does not have. They belong to another architecture or optimizer.");
        }

        using var frozen = no_grad();
        foreach (var (name, target) in destination)
        {
            target.copy_(source[name]);
        }
    }
}
