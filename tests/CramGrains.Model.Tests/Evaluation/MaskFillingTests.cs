using CramGrains.Model.Evaluation;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Evaluation;

public sealed class MaskFillingTests : IDisposable
{
    private static readonly string[] Vocabulary = [.. SpecialTokens.Names, "the", "capital", "of", "france", "is", "paris", "."];
    private static readonly WordPieceEncoder Encoder = new(Vocabulary, TextNormalizerKind.Crammed);

    private readonly CrammedBert _model = new(TestRecipes.TinyShape with { TieEmbeddings = false, DecoderBias = true }, Vocabulary.Length + 3, 12, seed: 2);

    public MaskFillingTests()
    {
        _model.eval();
        using var frozen = no_grad();
        _model.get_parameter("decoder.weight")!.zero_();
        _model.get_parameter("decoder.bias")![10] = 9f; // "paris", whatever the text
        _model.get_parameter("decoder.bias")![5] = 5f;
        _model.get_parameter("decoder.bias")![4] = 20f; // [MASK] is no answer
        _model.get_parameter("decoder.bias")![13] = 30f; // a row of the embedding beyond the vocabulary is none either
    }

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Fill_EachMask_ListsWordsByTheirProbability()
    {
        var masks = Fill("The [MASK] of France is [MASK].", top: 3);
        Assert.Equal(2, masks.Count);
        Assert.Equal(["paris", "the"], masks[1].Take(2).Select(candidate => candidate.Token));
        Assert.Equal(Math.Exp(9 - 5), masks[0][0].Probability / masks[0][1].Probability, 0.1);
        Assert.Equal(3, masks[0].Count);
    }

    [Fact]
    public void Fill_RobertasSpelling_IsAMaskToo() => Assert.Single(Fill("the capital is <mask>", top: 1));

    [Fact]
    public void Fill_ContextChanged_ChangesTheAnswer()
    {
        using var model = new CrammedBert(TestRecipes.TinyShape, Vocabulary.Length, 12, seed: 2);
        model.eval();
        using (no_grad())
        {
            foreach (var weight in model.parameters())
            {
                weight.add_(randn_like(weight) * 0.3);
            }
        }

        double First(string text, bool classify) => MaskFilling.Fill(model, CPU, Encoder, Vocabulary, text, 1, classify)[0][0].Probability;
        Assert.NotEqual(First("the capital of [MASK]", false), First("the paris of [MASK]", false));
        Assert.NotEqual(First("the capital of [MASK]", false), First("the capital of [MASK]", true));
    }

    [Fact]
    public void Fill_NoMask_SaysHowToWriteOne() =>
        Assert.Contains("the capital of france is [MASK].", Assert.Throws<GlueException>(() => Fill("the capital of france is paris.", 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Fill_TextLongerThanTheModel_SaysBothLengths() =>
        Assert.Contains("13 tokens, but the model takes at most 12", Assert.Throws<GlueException>(() => Fill("[MASK] the the the the the the the the the the the", 1)).Message, StringComparison.Ordinal);

    private IReadOnlyList<IReadOnlyList<MaskCandidate>> Fill(string text, int top) => MaskFilling.Fill(_model, CPU, Encoder, Vocabulary, text, top, startsWithClassify: false);
}
