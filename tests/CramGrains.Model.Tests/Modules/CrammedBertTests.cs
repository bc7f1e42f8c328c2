using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Modules;

public sealed class CrammedBertTests : IDisposable
{
    private const int V = 64, S = 16;

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly Tensor _ids = arange(3 * S, dtype: ScalarType.Int64).view(3, S) % (V - 5) + 5;

    public static TheoryData<string> Shapes => [.. ArchitectureShapes.All.Select(shape => shape.Name)];

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(Shapes))]
    public void MaskedLoss_AnyShape_ReachesEveryParameterWithAFiniteGradient(string name)
    {
        using var model = Model(name);
        model.MaskedLoss(_ids, arange(0, 48, 4, ScalarType.Int64), arange(5, 17, ScalarType.Int64)).backward();
        foreach (var (parameter, tensor) in model.named_parameters())
        {
            Assert.True(tensor.grad is not null, $"{parameter} has no gradient.");
            Assert.True(tensor.grad.isfinite().all().item<bool>(), $"{parameter} has a gradient that is not finite.");
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void MaskedLoss_FreshWeights_IsNearThatOfAGuess(string name)
    {
        using var model = Model(name);
        Assert.Equal(Math.Log(V), model.MaskedLoss(_ids, arange(0, 48, 4, ScalarType.Int64), arange(5, 17, ScalarType.Int64)).item<float>(), 0.5);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Encode_PaddedRow_IsAsIfItHadNoPadding(string name)
    {
        using var model = Model(name);
        var mask = ones(3, S, dtype: ScalarType.Bool);
        mask[1, TensorIndex.Slice(10)] = false;
        var padded = _ids.clone();
        padded[1, TensorIndex.Slice(10)] = 0;
        var whole = model.Encode(padded, mask)[1, TensorIndex.Slice(0, 10)];
        var alone = model.Encode(_ids[1, TensorIndex.Slice(0, 10)].unsqueeze(0), null)[0];
        Assert.True((whole - alone).abs().max().item<float>() < 1e-5f);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Encode_WordsSwapped_DependsOnTheirPlaces(string name)
    {
        using var model = Model(name);
        foreach (var weight in model.parameters().Where(weight => weight.dim() > 1))
        {
            using var frozen = no_grad();
            weight.normal_(0, 0.3); // large enough to see, and not zero where outputs start at zero
        }

        var swapped = _ids.clone();
        swapped[0, 2] = _ids[0, 7];
        swapped[0, 7] = _ids[0, 2];
        Assert.True((model.Encode(_ids, null)[0, 0] - model.Encode(swapped, null)[0, 0]).abs().max().item<float>() > 1e-4f);
    }

    [Fact]
    public void Encode_Rotary_DependsOnDistancesAlone()
    {
        // The same window of words three places further on, behind padding that no one attends to.
        using var model = new CrammedBert(TestRecipes.TinyShape with { Positions = PositionKind.Rotary }, V, S, seed: 1);
        var words = _ids[0, TensorIndex.Slice(0, 8)];
        var shifted = zeros(1, 11, dtype: ScalarType.Int64);
        shifted[0, TensorIndex.Slice(3)] = words;
        var mask = ones(1, 11, dtype: ScalarType.Bool);
        mask[0, TensorIndex.Slice(0, 3)] = false;
        var there = model.Encode(shifted, mask)[0, TensorIndex.Slice(3)];
        Assert.True((model.Encode(words.unsqueeze(0), null)[0] - there).abs().max().item<float>() < 1e-5f);
    }

    [Fact]
    public void Encode_RowLongerThanTheModel_SaysBothLengths()
    {
        using var model = Model("crammed");
        var error = Assert.Throws<ArgumentException>(() => model.Encode(zeros(1, S + 1, dtype: ScalarType.Int64), null));
        Assert.Contains($"{S + 1} tokens", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_DropoutInTraining_IsRandomAndOffInEvaluation()
    {
        using var model = Model("crammed");
        model.DropoutProbability = 0.5;
        model.train();
        Assert.NotEqual(model.Encode(_ids, null).bytes.ToArray(), model.Encode(_ids, null).bytes.ToArray());
        model.eval();
        Assert.Equal(model.Encode(_ids, null).bytes.ToArray(), model.Encode(_ids, null).bytes.ToArray());
    }

    [Fact]
    public void Encode_Bfloat16_StaysCloseToFloat32()
    {
        using var model = Model("crammed");
        var exact = model.MaskedLoss(_ids, arange(0, 48, 4, ScalarType.Int64), arange(5, 17, ScalarType.Int64)).item<float>();
        model.ComputeType = ScalarType.BFloat16;
        Assert.Equal(ScalarType.BFloat16, model.Encode(_ids, null).dtype);
        var loss = model.MaskedLoss(_ids, arange(0, 48, 4, ScalarType.Int64), arange(5, 17, ScalarType.Int64));
        Assert.Equal(ScalarType.Float32, loss.dtype);
        Assert.Equal(exact, loss.item<float>(), 0.02);
    }

    [Fact]
    public void Weights_Megatron_ScaleTheOutputsDown()
    {
        using var model = new CrammedBert(new(Layers: 8, HiddenSize: 64, Heads: 4, FeedForwardSize: 128, Initialization: InitializationKind.Megatron), V, S);
        Assert.Equal(0.02 / 4, Std(model, "layers.3.out.weight"), 5e-4);
        Assert.Equal(0.02 / 4, Std(model, "layers.3.ffn_out.weight"), 5e-4);
        Assert.Equal(0.02, Std(model, "layers.3.qkv.weight"), 1e-3);
    }

    [Theory]
    [InlineData(InitializationKind.Small, 0.0791, 0.0791)] // sqrt(2 / 320)
    [InlineData(InitializationKind.Wang, 0.0791, 0.03125)] // 2 / (8 x 8)
    public void Weights_InitializationFromTheSize_HaveItsSpread(InitializationKind kind, double inputs, double outputs)
    {
        using var model = new CrammedBert(new(Layers: 8, HiddenSize: 64, Heads: 4, FeedForwardSize: 128, Initialization: kind), V, S);
        Assert.Equal(inputs, Std(model, "layers.3.qkv.weight"), inputs * 0.05);
        Assert.Equal(outputs, Std(model, "layers.3.ffn_out.weight"), outputs * 0.05);
    }

    [Fact]
    public void Weights_ZeroInitializedOutputs_AreZero()
    {
        using var model = Model("modern");
        Assert.Equal(0, Std(model, "layers.1.out.weight"));
        Assert.Equal(0, Std(model, "layers.1.ffn_out.weight"));
        Assert.Equal(0.02, Std(model, "layers.1.qkv.weight"), 2e-3);
    }

    [Fact]
    public void Weights_SameSeed_AreBitwiseEqual()
    {
        using CrammedBert first = Model("original-bert"), second = Model("original-bert");
        Assert.All(first.named_parameters().Zip(second.named_parameters()), pair => Assert.Equal(pair.First.parameter.bytes.ToArray(), pair.Second.parameter.bytes.ToArray()));
    }

    [Fact]
    public void Weights_OriginalBert_HaveEveryBiasAndTheHead()
    {
        using var model = Model("original-bert");
        var names = model.state_dict().Keys;
        Assert.Superset(
            new HashSet<string> { "positions.weight", "layers.0.qkv.bias", "layers.0.out.bias", "layers.1.ffn_in.bias", "layers.1.ffn_out.bias", "head.dense.weight", "head.dense.bias", "head.norm.weight", "decoder.bias" },
            names.ToHashSet());
        Assert.DoesNotContain(names, name => name.StartsWith("final_norm", StringComparison.Ordinal) || name is "pos_scale" or "decoder.weight");
    }

    private static CrammedBert Model(string name) => new(ArchitectureShapes.All.Single(shape => shape.Name == name).Shape, V, S, seed: 1);

    private static double Std(CrammedBert model, string name) => model.get_parameter(name)!.std().item<float>();
}
