namespace CramGrains.Model.Cuda;

/// <summary>Which kernels an encoder needs, and how each is built and launched.</summary>
internal static class KernelRequests
{
    /// <summary>What the keys of kernels built with dropout, or with FP8 copies, end with.</summary>
    public const string Drops = ".dropout", Copies = ".float8";

    /// <summary>Kernels that do not depend on the length of a row, with the macros that this shape gives them.</summary>
    public static IReadOnlyList<KernelRequest> Of(EncoderShape s, int headWidth, int classes)
    {
        (string, long) cols = ("COLS", s.Hidden), half = ("HALF", s.Half), width = ("WIDTH", headWidth), outputs = ("OUTPUTS", classes);
        IReadOnlyList<KernelRequest> head = headWidth > 0
            ? [new("dropout", 256), new("classify", 256, 0, width, outputs), new("classify_backward", 64, 0, width, outputs)]
            : [new("cross_entropy", 512, 0, ("VOCAB", s.Vocabulary))];
        return
        [
            .. head,
            new("layernorm_forward", 256, 0, cols),
            new("layernorm_backward", 256, 0, cols),
            new("column_sums", 256, 0, cols),
            new("geglu_forward", 256, 0, half),
            new("geglu_backward", 256, 0, half),
            new("gather_rows", 256, 0, cols),
            new("scatter_rows", 256, 0, cols),
            new("sum_into", 1024),
            new("embedding_backward", s.Hidden / 8, 0, cols),
            new("embedding_long", 256, 0, cols),
            .. s.ResidualScalars ? (KernelRequest[])[new("mix_forward", 256), new("mix_backward", 256), new("row_sums", 256)] : [],
            .. s.HeadTransform ? (KernelRequest[])[new("gelu_forward", 256), new("gelu_backward", 256)] : [],
            .. s.FirstAttentionNorm ? (KernelRequest[])[] : [new("add_rows", 256)],
            new("gradient_squares", 256),
            new("adamw", 256),
            new("to_working", 256),
        ];
    }

    /// <summary>Kernels for rows of <paramref name="sequence"/> tokens; those with dropout beside the others, which keep their registers.</summary>
    public static IReadOnlyList<KernelRequest> OfSequence(EncoderShape s, int sequence, bool dropout, bool float8)
    {
        (string, long) cols = ("COLS", s.Hidden), seq = ("SEQ", sequence), head = ("HEAD", s.HeadSize);
        int tile = sequence * s.HeadSize * 2, scores = sequence * sequence * 2;
        KernelRequest Attention(string name, int shared, string variant) =>
            new(name, 2 * sequence, shared, seq, head, ("DROPOUT", variant == Drops ? 1 : 0), ("FP8", variant == Copies ? 1 : 0)) { Key = $"{name}.{sequence}{variant}" };
        KernelRequest Turning(string name) => new(name, 256, 0, seq, head, ("NORM", s.QueryKeyNorm ? 1 : 0), ("ROTARY", s.Rotary ? 1 : 0)) { Key = $"{name}.{sequence}" };
        // With 64 channels the probabilities take the place of keys and values.
        int backward = (4 * tile) + (s.HeadSize == 64 ? scores : 2 * scores);
        return
        [
            new("embedding_forward", 256, 0, cols, seq) { Key = $"embedding_forward.{sequence}" },
            new("position_dot", 256, 0, cols, seq) { Key = $"position_dot.{sequence}" },
            .. s.TurnsHeads ? (KernelRequest[])[Turning("turn_heads"), Turning("turn_heads_backward")] : [],
            .. ((string[])["", .. dropout ? [Drops] : (string[])[], .. float8 ? [Copies] : (string[])[]]).SelectMany(
                v => (KernelRequest[])[Attention("attention_forward", 3 * tile, v), Attention("attention_backward", backward, v)]),
        ];
    }

    /// <summary>Kernels that write FP8 copies beside what they make, and those of the copies' scales.</summary>
    public static IReadOnlyList<KernelRequest> OfFloat8(EncoderShape s)
    {
        (string, long) cols = ("COLS", s.Hidden), half = ("HALF", s.Half), on = ("FP8", 1);
        return
        [
            new("layernorm_forward", 256, 0, cols, on) { Key = "layernorm_forward" + Copies },
            new("layernorm_backward", 256, 0, cols, on) { Key = "layernorm_backward" + Copies },
            new("geglu_forward", 256, 0, half, on) { Key = "geglu_forward" + Copies },
            new("geglu_backward", 256, 0, half, on) { Key = "geglu_backward" + Copies },
            new("float8_copy", 256),
            new("float8_transpose", 256),
            new("float8_scales", 256),
            new("float8_weight_amax", 256),
            new("float8_weights", 256),
        ];
    }
}
