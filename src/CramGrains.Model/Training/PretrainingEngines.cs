using CramGrains.Model.Cuda;
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
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing, and every start compiles.</param>
    /// <param name="note">Hears in one sentence why a GPU does not get the fast engine.</param>
    /// <exception cref="NotSupportedException">The recipe asks for what the device does not have.</exception>
    public static IPretrainingEngine Create(Recipe recipe, int vocabularySize, torch.Device device, string? cacheFolder = null, Action<string>? note = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(device);
        if (device.type == DeviceType.CUDA)
        {
            if (FusedEngine.TryCreate(recipe, vocabularySize, device, cacheFolder, out FusedEngine? fused, out string? whyNot))
            {
                return fused!;
            }

            note?.Invoke(whyNot!);
        }

        return new EagerEngine(recipe, vocabularySize, device);
    }
}
