using CramGrains.Model.Modules;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>A word that may stand at a mask.</summary>
/// <param name="Token">The entry of the vocabulary.</param>
/// <param name="Id">Its id.</param>
/// <param name="Probability">In [0, 1], special tokens having their share too though they are no candidates.</param>
public sealed record MaskCandidate(string Token, int Id, double Probability);

/// <summary>Fills <c>[MASK]</c> in a text.</summary>
public static class MaskFilling
{
    private static readonly string[] Masks = ["[MASK]", "<mask>"];

    /// <summary>The most likely words at each mask of a text, most likely first; every mask sees the others as masks.</summary>
    /// <param name="model">A model in evaluation mode, on any device.</param>
    /// <param name="device">Its device.</param>
    /// <param name="encoder">Its vocabulary.</param>
    /// <param name="vocabulary">The entries by id.</param>
    /// <param name="text">Holds <c>[MASK]</c> (or RoBERTa's <c>&lt;mask&gt;</c>) once or more.</param>
    /// <param name="top">Candidates at each mask.</param>
    /// <param name="startsWithClassify">Puts [CLS] in front, for models that saw it in pretraining; [SEP] always ends the text.</param>
    /// <exception cref="GlueException">The text holds no mask, or is longer than the model takes.</exception>
    public static IReadOnlyList<IReadOnlyList<MaskCandidate>> Fill(
        CrammedBert model, Device device, ITextEncoder encoder, IReadOnlyList<string> vocabulary, string text, int top, bool startsWithClassify)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(vocabulary);
        long[] ids = Ids(encoder, text, startsWithClassify);
        if (ids.Length > model.MaximumLength)
        {
            throw new GlueException($"The text has {ids.Length} tokens, but the model takes at most {model.MaximumLength}. Shorten it.");
        }

        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var logits = model.Logits(tensor(ids, device: device).unsqueeze(0), null)[0].narrow(-1, 0, vocabulary.Count); // [S, V]; rows beyond the vocabulary are padding
        int words = vocabulary.Count - SpecialTokens.FirstWord;
        var (values, indices) = nn.functional.softmax(logits, -1).narrow(-1, SpecialTokens.FirstWord, words).topk(Math.Clamp(top, 1, words), -1); // [S, top] each
        float[] probabilities = values.cpu().data<float>().ToArray();
        long[] candidates = (indices + SpecialTokens.FirstWord).cpu().data<long>().ToArray();
        int width = candidates.Length / ids.Length;
        return
        [
            .. ids.Index().Where(token => token.Item == SpecialTokens.Mask).Select(token => (IReadOnlyList<MaskCandidate>)
            [
                .. Enumerable.Range(token.Index * width, width).Select(i => new MaskCandidate(vocabulary[(int)candidates[i]], (int)candidates[i], probabilities[i])),
            ]),
        ];
    }

    private static long[] Ids(ITextEncoder encoder, string text, bool startsWithClassify)
    {
        string[] parts = text.Split(Masks, StringSplitOptions.None);
        if (parts.Length == 1)
        {
            throw new GlueException($"The text holds no [MASK]: '{text}'. Write one where a word is to be found, as in \"the capital of france is [MASK].\"");
        }

        List<long> ids = startsWithClassify ? [SpecialTokens.Classify] : [];
        foreach (var (index, part) in parts.Index())
        {
            if (index > 0)
            {
                ids.Add(SpecialTokens.Mask);
            }

            // Byte-level vocabularies would make a token of the space, which belongs to the word that is looked for.
            ids.AddRange(encoder.Encode(index < parts.Length - 1 ? part.TrimEnd() : part).Select(id => (long)id));
        }

        ids.Add(SpecialTokens.Separator);
        return [.. ids];
    }
}
