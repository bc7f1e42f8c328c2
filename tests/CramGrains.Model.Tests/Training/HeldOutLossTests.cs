using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Tests.Data;
using CramGrains.Model.Text;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Training;

public sealed class HeldOutLossTests
{
    [Fact]
    public void Measure_FramedCorpus_NeverMasksItsFrames()
    {
        var tiny = TestRecipes.Tiny();
        var recipe = tiny with { Corpus = tiny.Corpus with { Packing = RowPacking.Framed } };
        using var engine = new EagerEngine(recipe, 64, CPU);
        var labels = new List<int>();
        using var watched = new LabelEngine(engine, labels);
        var rows = new ArrayRows([.. Enumerable.Range(0, 6).Select(row => (int[])[2, .. Enumerable.Range(5 + row, 6), 3, .. Enumerable.Range(20 + row, 7), 3])]);
        var loss = new HeldOutLoss(rows, recipe);
        Assert.True(double.IsFinite(loss.Measure(watched, new MaskedMicrobatch(3, 16, 48), new PretrainingControl(), TestContext.Current.CancellationToken)!.Value));
        Assert.Equal(6 * MaskCount.PerRow(16, 0.15), labels.Count);
        Assert.DoesNotContain(labels, SpecialTokens.IsFrame);
    }

    [Fact]
    public void Measure_PaddedRows_MasksNoPaddingAsTrainingDoesNot()
    {
        var tiny = TestRecipes.Tiny();
        var recipe = tiny with { Corpus = tiny.Corpus with { Packing = RowPacking.WithinDocument } };
        using var engine = new EagerEngine(recipe, 64, CPU);
        var labels = new List<int>();
        using var watched = new LabelEngine(engine, labels);
        var rows = new ArrayRows([.. Enumerable.Range(0, 6).Select(row => (int[])[2, .. Enumerable.Range(5 + row, 4), 3, .. new int[10]])]);
        new HeldOutLoss(rows, recipe).Measure(watched, new MaskedMicrobatch(3, 16, 48), new PretrainingControl(), TestContext.Current.CancellationToken);
        Assert.Equal(6 * MaskCount.PerRow(16, 0.15), labels.Count);
        Assert.DoesNotContain(SpecialTokens.Pad, labels);
    }

    private sealed class LabelEngine(IPretrainingEngine inner, List<int> labels) : EngineWrapper(inner)
    {
        public override Tensor Evaluate(MaskedMicrobatch microbatch)
        {
            labels.AddRange(microbatch.Labels[..microbatch.MaskedCount]);
            return base.Evaluate(microbatch);
        }
    }
}
