namespace CramGrains.Model.Cuda;

/// <summary>Where each parameter lies in one flat buffer: matrices and embeddings first (they decay), then norms and the position scale, the residual scalars last.</summary>
internal sealed class ParameterLayout
{
    /// <summary>Every parameter starts at a multiple of this many elements, so that all of them can be read 16 bytes at a time.</summary>
    private const int Alignment = 64;

    private readonly Dictionary<string, Entry> _byName = [];

    /// <param name="s">The encoder; with a head transform it has no classification head, whose names are the same.</param>
    /// <param name="headWidth">Width of a classification head's dense layer; 0 for no head.</param>
    /// <param name="classes">Outputs of the head.</param>
    public ParameterLayout(EncoderShape s, int headWidth = 0, int classes = 0)
    {
        Add("word.weight", s.Vocabulary, s.Hidden);
        for (int l = 0; l < s.Layers; l++)
        {
            Add($"layers.{l}.qkv.weight", 3 * s.Hidden, s.Hidden);
            Add($"layers.{l}.out.weight", s.Hidden, s.Hidden);
            Add($"layers.{l}.ffn_in.weight", s.FeedForward, s.Hidden);
            Add($"layers.{l}.ffn_out.weight", s.Hidden, s.Half);
        }

        LayerMatrices = (_byName["layers.0.qkv.weight"].Offset, Total);
        if (s.HeadTransform)
        {
            Add("head.dense.weight", s.Hidden, s.Hidden);
        }

        if (headWidth > 0)
        {
            Add(HeadPrefix + "dense.weight", headWidth, s.Hidden);
            Add(HeadPrefix + "classifier.weight", classes, headWidth);
        }

        Decayed = Total;
        if (s.LearnedPositionScale)
        {
            Add("pos_scale", 1);
        }

        for (int n = 0; n < s.Norms; n++)
        {
            string name = s.NormName(n);
            Add($"{name}.weight", s.Hidden);
            Add($"{name}.bias", s.Hidden);
            Norms.Add((_byName[$"{name}.weight"], _byName[$"{name}.bias"]));
        }

        if (headWidth > 0)
        {
            Add(HeadPrefix + "dense.bias", headWidth);
            Add(HeadPrefix + "classifier.bias", classes);
        }

        Scalars = Total;
        if (s.ResidualScalars)
        {
            Add(Modules.CrammedBert.ResidualScalars, s.Layers);
            Add(Modules.CrammedBert.EmbeddingScalars, s.Layers);
        }
    }

    /// <summary>What the names of a classification head's parameters begin with.</summary>
    public static string HeadPrefix => "head.";

    /// <summary>Parameters in layout order, by the names of the state dictionary.</summary>
    public List<Entry> Entries { get; } = [];

    /// <summary>Weight and bias of each norm, in the order of <see cref="EncoderShape.Norms"/>.</summary>
    public List<(Entry Weight, Entry Bias)> Norms { get; } = [];

    /// <summary>Elements of the flat buffer, padding included.</summary>
    public long Total { get; private set; }

    /// <summary>Elements [from, to) of the layers' matrices.</summary>
    public (long From, long To) LayerMatrices { get; }

    /// <summary>Elements before this one take weight decay.</summary>
    public long Decayed { get; }

    /// <summary>Elements from this one on are residual scalars, which may have a learning rate of their own.</summary>
    public long Scalars { get; }

    public Entry this[string name] => _byName[name];

    public bool Has(string name) => _byName.ContainsKey(name);

    private void Add(string name, params long[] shape)
    {
        var entry = new Entry(name, shape, Total, shape.Aggregate(1L, (a, b) => a * b));
        Entries.Add(entry);
        _byName.Add(name, entry);
        Total += (entry.Count + Alignment - 1) / Alignment * Alignment;
    }

    internal sealed record Entry(string Name, long[] Shape, long Offset, long Count);
}
