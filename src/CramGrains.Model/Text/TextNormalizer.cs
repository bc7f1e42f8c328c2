using CramGrains.Model.Recipes;

namespace CramGrains.Model.Text;

/// <summary>Normalisation of raw text before it is split into words. Stateless.</summary>
internal abstract class TextNormalizer
{
    public static TextNormalizer For(TextNormalizerKind kind) => kind switch
    {
        TextNormalizerKind.Crammed => new CrammedNormalizer(),
        TextNormalizerKind.Bert => new BertNormalizer(),
        TextNormalizerKind.None => new IdentityNormalizer(),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Unknown normalizer."),
    };

    /// <summary>Adds the normalised text to <paramref name="output"/>.</summary>
    public abstract void Normalize(ReadOnlySpan<char> text, CharBuffer output);

    public string Normalize(string text)
    {
        var output = new CharBuffer();
        Normalize(text, output);
        return new string(output.Span);
    }

    private sealed class IdentityNormalizer : TextNormalizer
    {
        public override void Normalize(ReadOnlySpan<char> text, CharBuffer output) => output.Add(text);
    }
}
