using System.Runtime.InteropServices;
using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Model.Training;

/// <summary>The loss of each of some optimizer steps of one microbatch, on given rows, for comparison with other programs on the same tokens, masks and weights.</summary>
public static class LossCurve
{
    private const double WarmupFraction = 0.1;

    /// <summary>Trains from the recipe's fresh weights: a linear warm-up over the first tenth, then the peak learning rate.</summary>
    /// <param name="recipe">The run; its batch is one microbatch here.</param>
    /// <param name="rows">Rows, taken in order.</param>
    /// <param name="device">Where.</param>
    /// <param name="fused">The fast engine instead of the plain one.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <param name="cacheFolder">Where the fast engine keeps what it compiled; null keeps nothing.</param>
    /// <returns>Losses in nats, each before its step.</returns>
    /// <exception cref="NotSupportedException">The fast engine cannot train this recipe here; the message says why.</exception>
    public static float[] Run(Recipe recipe, ITokenRows rows, torch.Device device, bool fused, int steps, string? cacheFolder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        using var outside = torch.NewDisposeScope();
        using IPretrainingEngine engine = EngineBenchmark.Create(recipe, recipe.Corpus.VocabularySize, device, fused, cacheFolder);
        var loader = Loader(recipe, rows);
        MaskedMicrobatch microbatch = loader.CreateMicrobatch(recipe.Training.MaskFraction);
        using torch.Tensor losses = torch.zeros(steps, device: device);
        for (int step = 0; step < steps; step++)
        {
            using var scope = torch.NewDisposeScope();
            loader.Fill(microbatch, recipe.Training.MaskFraction);
            torch.Tensor loss = engine.Accumulate(microbatch, 1);
            using (torch.no_grad())
            {
                losses[step].copy_(loss);
            }

            engine.Step(Factor(step, steps));
        }

        return losses.cpu().data<float>().ToArray(); // the only sync
    }

    /// <summary>Writes what another program needs to do the same: <c>curve.json</c>, <c>weights.safetensors</c>, and <c>batches.i32</c> with ids, masked positions and
    /// labels of each step, little-endian int32.</summary>
    /// <param name="recipe">The run.</param>
    /// <param name="rows">Rows, taken in order.</param>
    /// <param name="steps">Optimizer steps.</param>
    /// <param name="folder">Made if it is missing.</param>
    public static void Export(Recipe recipe, ITokenRows rows, int steps, string folder)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        Directory.CreateDirectory(folder);
        using var scope = torch.NewDisposeScope();
        using var model = new CrammedBert(recipe.Architecture, recipe.Corpus.VocabularySize, recipe.Corpus.SequenceLength, recipe.Seed);
        SafeTensors.Write(Path.Combine(folder, "weights.safetensors"), model.named_parameters().ToDictionary(p => p.name, p => (torch.Tensor)p.parameter.detach()));
        var loader = Loader(recipe, rows);
        MaskedMicrobatch microbatch = loader.CreateMicrobatch(recipe.Training.MaskFraction);
        using (FileStream file = File.Create(Path.Combine(folder, "batches.i32")))
        {
            for (int step = 0; step < steps; step++)
            {
                loader.Fill(microbatch, recipe.Training.MaskFraction);
                file.Write(MemoryMarshal.AsBytes(microbatch.Ids.AsSpan()));
                file.Write(MemoryMarshal.AsBytes(microbatch.Positions.AsSpan(0, microbatch.MaskedCount)));
                file.Write(MemoryMarshal.AsBytes(microbatch.Labels.AsSpan(0, microbatch.MaskedCount)));
            }
        }

        OptimizerRecipe o = recipe.Training.Optimizer;
        File.WriteAllText(Path.Combine(folder, "curve.json"), JsonSerializer.Serialize(new
        {
            steps, rows = microbatch.Rows, sequence = microbatch.SequenceLength, masked = microbatch.MaskedCount, vocabulary = recipe.Corpus.VocabularySize,
            layers = recipe.Architecture.Layers, hidden = recipe.Architecture.HiddenSize, heads = recipe.Architecture.Heads, feed_forward = recipe.Architecture.FeedForwardSize,
            epsilon = recipe.Architecture.NormEpsilon, beta1 = o.Beta1, beta2 = o.Beta2, adam_epsilon = o.Epsilon, decay = o.WeightDecay, clip = recipe.Training.GradientClipNorm,
            learning_rates = Enumerable.Range(0, steps).Select(step => o.LearningRate * Factor(step, steps)),
        }));
    }

    private static MicrobatchLoader Loader(Recipe recipe, ITokenRows rows) =>
        new(rows, recipe.Corpus.VocabularySize, recipe.Training.MicrobatchSize, recipe.Seed, recipe.Training.Masking);

    private static double Factor(int step, int steps) => Math.Min(1, (step + 1) / (WarmupFraction * steps));
}
