using CramGrains.Model.Evaluation;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Modules;

/// <summary>Every architecture option and every pooling against PyTorch, forward and backward, in float32 on the CPU.</summary>
[Trait("Category", "Parity")]
public sealed class ArchitectureParityTests : IDisposable
{
    private const double Tolerance = 2e-5;
    private const double GradientTolerance = 1e-4; // the scale of positions has one number for a gradient, a sum in which much cancels

    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string> Options => [.. ArchitectureGoldens.All.Where(option => option.Value.Head is null).Select(option => option.Key)];

    public static TheoryData<string> Heads => [.. ArchitectureGoldens.All.Where(option => option.Value.Head is not null).Select(option => option.Key)];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Options))]
    public void MaskedLogits_EachOption_AreThoseOfPyTorch(string name)
    {
        var golden = ArchitectureGoldens.Read(name);
        using var model = Model(name, ArchitectureGoldens.Part(golden, "weight."));
        Close(golden["logits"], model.MaskedLogits(golden["ids"], golden["positions"]));
        Close(golden["loss"][0], model.MaskedLoss(golden["ids"], golden["positions"], golden["labels"]));
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void MaskedLoss_EachOption_HasTheGradientsOfPyTorch(string name)
    {
        var golden = ArchitectureGoldens.Read(name);
        using var model = Model(name, ArchitectureGoldens.Part(golden, "weight."));
        model.MaskedLoss(golden["ids"], golden["positions"], golden["labels"]).backward();
        Goldens.AssertClose(ArchitectureGoldens.Part(golden, "gradient."), model.named_parameters().ToDictionary(named => named.name, named => named.parameter.grad!), GradientTolerance);
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void Encode_PaddedBatch_IsThatOfPyTorchAtRealTokens(string name)
    {
        var golden = ArchitectureGoldens.Read(name);
        using var model = Model(name, ArchitectureGoldens.Part(golden, "weight."));
        var hidden = model.Encode(golden["padded_ids"], golden["padded_mask"], golden.GetValueOrDefault("padded_segments"));
        var real = golden["padded_mask"].unsqueeze(-1); // [B, S, 1]
        Close(golden["hidden"] * real, hidden * real);
    }

    [Theory]
    [MemberData(nameof(Heads))]
    public void ClassificationHead_EachPooling_HasTheOutputsAndGradientsOfPyTorch(string name)
    {
        var golden = ArchitectureGoldens.Read(name);
        var (weights, kind) = (ArchitectureGoldens.Part(golden, "weight."), ArchitectureGoldens.All[name].Head!);
        using var model = Model(name, ArchitectureGoldens.Part(weights, "bert."));
        using var generator = new Generator(1);
        var recipe = TestRecipes.Tiny().FineTuning with { Pooling = kind.Pooling, HeadSize = kind.HeadSize };
        using var head = new ClassificationHead(recipe, ArchitectureGoldens.All[name].Architecture.HiddenSize, kind.Outputs, 0.02, generator);
        TensorSet.Copy("head", ArchitectureGoldens.Part(weights, "head."), head.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter));
        head.eval();

        var outputs = head.forward(model.Encode(golden["padded_ids"], golden["padded_mask"]), golden["padded_mask"]);
        var loss = kind.Outputs == 1 ? nn.functional.mse_loss(outputs.squeeze(-1), golden["target"]) : nn.functional.cross_entropy(outputs, golden["target"]);
        loss.backward();
        Close(golden["outputs"], outputs);
        Close(golden["loss"][0], loss);
        var gradients = model.named_parameters().Select(named => ("bert." + named.name, named.parameter))
            .Concat(head.named_parameters().Select(named => ("head." + named.name, named.parameter)))
            .ToDictionary(named => named.Item1, named => named.parameter.grad!);
        Goldens.AssertClose(ArchitectureGoldens.Part(golden, "gradient."), gradients, GradientTolerance);
    }

    [Fact]
    public void Options_AsMade_CoverEveryValueOfEverySetting()
    {
        var shapes = ArchitectureGoldens.All.Values.Select(option => option.Architecture).ToList();
        // These two change how weights start, not what is computed of them; the others are sizes.
        // Residual scalars have hand-computed cases instead (ResidualScalarsTests).
        string[] apart = [nameof(ArchitectureRecipe.ResidualScalars), nameof(ArchitectureRecipe.Initialization), nameof(ArchitectureRecipe.InitializationStd), nameof(ArchitectureRecipe.ZeroInitializeOutputs), nameof(ArchitectureRecipe.HiddenSize), nameof(ArchitectureRecipe.FeedForwardSize)];
        foreach (var setting in typeof(ArchitectureRecipe).GetProperties().Where(setting => !apart.Contains(setting.Name) && setting.Name != "EqualityContract"))
        {
            object?[] seen = [.. shapes.Select(shape => setting.GetValue(shape)).Distinct()];
            int wanted = setting.PropertyType.IsEnum ? Enum.GetValues(setting.PropertyType).Length : 2;
            Assert.True(seen.Length >= wanted, $"{setting.Name} has {seen.Length} of {wanted} values in the goldens: {string.Join(", ", seen)}.");
        }

        Assert.Equal(Enum.GetValues<PoolingKind>(), ArchitectureGoldens.All.Values.Where(option => option.Head is not null).Select(option => option.Head!.Pooling).Distinct().Order());
    }

    private static CrammedBert Model(string name, Dictionary<string, Tensor> weights)
    {
        var option = ArchitectureGoldens.All[name];
        var model = new CrammedBert(option.Architecture, option.Vocabulary, option.Length);
        TensorSet.Copy(name, weights, model.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter));
        model.eval();
        return model;
    }

    private static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(Goldens.RelativeError(expected, actual) < Tolerance, $"Differs by {Goldens.RelativeError(expected, actual):G3} of the largest value.");
    }
}
