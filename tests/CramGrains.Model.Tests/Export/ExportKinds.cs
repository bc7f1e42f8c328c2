using CramGrains.Model.Export;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Export;

/// <summary>A small model for each class that an export opens with, with weights large enough that a wrong one shows in the logits.</summary>
internal static class ExportKinds
{
    public const int MaximumLength = 24;

    private static readonly ArchitectureRecipe Small = new(Layers: 2, HiddenSize: 32, Heads: 4, FeedForwardSize: 64, NormEpsilon: 1e-5);

    public static IReadOnlyDictionary<string, (HuggingFaceClass Class, ArchitectureRecipe Shape)> All { get; } = new Dictionary<string, (HuggingFaceClass, ArchitectureRecipe)>
    {
        ["bert"] = (HuggingFaceClass.Bert, Small with
        {
            NormPlacement = NormPlacement.Post, FinalNorm = false, Positions = PositionKind.Learned, FeedForward = FeedForwardKind.Gelu,
            AttentionBias = true, FeedForwardBias = true, HeadTransform = true, DecoderBias = true, SegmentTypes = 2,
        }),
        ["bert-without-biases"] = (HuggingFaceClass.Bert, Small with
        {
            NormPlacement = NormPlacement.Post, FinalNorm = false, Positions = PositionKind.ScaledSinusoidal, FeedForward = FeedForwardKind.Relu,
            HeadTransform = true, TieEmbeddings = false,
        }),
        ["modernbert"] = (HuggingFaceClass.ModernBert, Small with
        {
            Positions = PositionKind.Rotary, FirstAttentionNorm = false, HeadTransform = true, DecoderBias = true,
        }),
        ["modernbert-swish"] = (HuggingFaceClass.ModernBert, Small with
        {
            Positions = PositionKind.Rotary, FirstAttentionNorm = false, HeadTransform = true, FeedForward = FeedForwardKind.SwishGated,
            AttentionBias = true, FeedForwardBias = true, TieEmbeddings = false,
        }),
        ["crammed"] = (HuggingFaceClass.Crammed, Small),
        ["crammed-learned"] = (HuggingFaceClass.Crammed, Small with
        {
            Positions = PositionKind.Learned, SegmentTypes = 2, FeedForward = FeedForwardKind.Relu, AttentionBias = true, FeedForwardBias = true,
            HeadTransform = true, DecoderBias = true, FinalNorm = false,
        }),
        ["crammed-scalars"] = (HuggingFaceClass.Crammed, Small with
        {
            Positions = PositionKind.Rotary, FirstAttentionNorm = false, HeadTransform = true, DecoderBias = true, ResidualScalars = true,
        }),
        ["crammed-rotary"] = (HuggingFaceClass.Crammed, Small with
        {
            Positions = PositionKind.Rotary, Norm = NormKind.RmsNorm, QueryKeyNorm = true, FeedForward = FeedForwardKind.SwishGated, TieEmbeddings = false,
        }),
    };

    /// <summary>Special tokens, letters alone and inside a word, and a few words.</summary>
    public static IReadOnlyList<string> Vocabulary { get; } =
    [
        .. SpecialTokens.Names,
        .. Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString()),
        .. Enumerable.Range('a', 26).Select(letter => "##" + (char)letter),
        ".", ",", "!", "?", "'", "the", "capital", "of", "france", "is", "##ing", "pari", "1", "2", "##1", "##2",
    ];

    public static IReadOnlyList<string> Texts { get; } =
        ["The capital of France is Paris.", "Café naïve, RÉSUMÉ!", "x1y2 don't?", "  two   spaces\tand a tab ", "a日b", "wordsing 12 q... ok?!"];

    /// <summary>Pairs of texts, of which fine-tuning makes one input each.</summary>
    public static IReadOnlyList<(string First, string Second)> Pairs { get; } = [("The capital of France", "is Paris."), ("x1y2 don't?", "Café, ok?!")];

    public static CrammedBert Model(ArchitectureRecipe shape)
    {
        var model = new CrammedBert(shape, Vocabulary.Count, MaximumLength, seed: 3);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        foreach (var parameter in model.parameters())
        {
            parameter.add_(randn(parameter.shape, generator: generator) * 0.2); // biases and norms too, which start where mistakes hide
        }

        model.eval();
        return model;
    }

    /// <summary>The model as an export takes it; its weights are views of <paramref name="model"/>.</summary>
    public static ModelToExport ToExport(ArchitectureRecipe shape, CrammedBert model) => new(
        shape, Vocabulary, Normalizer(shape), MaximumLength, model.named_parameters().ToDictionary(named => named.name, named => (Tensor)named.parameter),
        TestRecipes.Tiny().FineTuning, new ModelCard("small"));

    /// <summary>Both kinds of text are exported, each with one of the classes.</summary>
    public static TextNormalizerKind Normalizer(ArchitectureRecipe shape) =>
        HuggingFaceExport.Choose(shape) == HuggingFaceClass.Crammed ? TextNormalizerKind.Crammed : TextNormalizerKind.Bert;

    /// <returns><c>[B, S] int64</c>.</returns>
    public static Tensor Ids() => (arange(3 * 20, dtype: ScalarType.Int64).view(3, 20) * 7 + 1) % (Vocabulary.Count - SpecialTokens.FirstWord) + SpecialTokens.FirstWord;

    /// <returns><c>[B S, V] float32</c>, logits at every position.</returns>
    public static Tensor Logits(CrammedBert model, Tensor ids)
    {
        using var frozen = no_grad();
        return model.MaskedLogits(ids, arange(ids.numel(), dtype: ScalarType.Int64));
    }

    /// <summary>Writes the export of a kind into a folder of its name.</summary>
    public static string Export(string parent, string kind)
    {
        using var model = Model(All[kind].Shape);
        return HuggingFaceExport.Write(Path.Combine(parent, kind), ToExport(All[kind].Shape, model)).Folder;
    }
}
