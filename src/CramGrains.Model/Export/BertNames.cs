namespace CramGrains.Model.Export;

/// <summary>Names of tensors in checkpoints of BERT and its relatives, beside ours.</summary>
/// <param name="Prefix">Prefix of the encoder.</param>
/// <param name="Transform">The dense layer before the decoder.</param>
/// <param name="TransformNorm">The norm before the decoder.</param>
/// <param name="DecoderWeight">The decoder's own weights, in use when embeddings are untied.</param>
/// <param name="DecoderBias">The bias on the logits.</param>
internal sealed record BertNames(string Prefix, string Transform, string TransformNorm, string DecoderWeight, string DecoderBias)
{
    private static readonly string[] Parts = ["query", "key", "value"];

    public static BertNames Bert { get; } = new(
        "bert.", "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder.weight", "cls.predictions.bias");

    public static BertNames Roberta { get; } = new("roberta.", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder.weight", "lm_head.bias");

    public string Word => Prefix + "embeddings.word_embeddings.weight";

    public string Positions => Prefix + "embeddings.position_embeddings.weight";

    public string Segments => Prefix + "embeddings.token_type_embeddings.weight";

    /// <summary>Modules of the encoder that have one counterpart, each with a weight and a bias.</summary>
    public IEnumerable<(string Ours, string Theirs)> EncoderModules(int layers)
    {
        yield return ("emb_norm", Prefix + "embeddings.LayerNorm");
        for (int layer = 0; layer < layers; layer++)
        {
            string theirs = Layer(layer);
            yield return ($"layers.{layer}.out", theirs + "attention.output.dense");
            yield return ($"layers.{layer}.norm1", theirs + "attention.output.LayerNorm");
            yield return ($"layers.{layer}.ffn_in", theirs + "intermediate.dense");
            yield return ($"layers.{layer}.ffn_out", theirs + "output.dense");
            yield return ($"layers.{layer}.norm2", theirs + "output.LayerNorm");
        }
    }

    /// <summary>Modules of the head, each with a weight and a bias.</summary>
    public IEnumerable<(string Ours, string Theirs)> HeadModules => [("head.dense", Transform), ("head.norm", TransformNorm)];

    /// <summary>The three projections that are one matrix here.</summary>
    public string[] QueryKeyValue(int layer) => [.. Parts.Select(part => $"{Layer(layer)}attention.self.{part}")];

    private string Layer(int layer) => $"{Prefix}encoder.layer.{layer}.";
}
