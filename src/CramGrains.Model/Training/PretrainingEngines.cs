using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>The one place that chooses the engine of a run.</summary>
public static class PretrainingEngines
{
    /// <summary>Makes the fastest engine that can train this recipe on this device, with fresh weights.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="vocabularySize">Entries of the corpus' vocabulary (V).</param>
    /// <param name="device">Where to train.</param>
    /// <exception cref="NotSupportedException">The recipe asks for what the device does not have.</exception>
    public static IPretrainingEngine Create(Recipe recipe, int vocabularySize, torch.Device device)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(device);
        return new EagerEngine(recipe, vocabularySize, device);
    }
}
