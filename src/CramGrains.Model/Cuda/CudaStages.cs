using CramGrains.Model.Cuda.Interop;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The stages as kernels of this folder and cuBLASLt products: bfloat16 activations, float32 for the rest.</summary>
internal sealed unsafe class CudaStages : Stages
{
    private const int RowsPerBlock = 8, SquareBlocks = 1024, PositionBlocks = 256, StagingSlots = 3;

    private readonly CudaDevice _device;
    private readonly Dictionary<string, CudaKernel> _kernels;
    private readonly CudaRecorder _recorder;
    private readonly string? _cacheFolder;
    private readonly int _classes, _headWidth;
    private readonly GemmRunner _products;
    private readonly int _normBlocks, _streamBlocks;
    private readonly Tensor _normPartials, _normOffsets, _squares, _positionPartials, _embeddingPartials;
    private readonly nint[] _staging = new nint[StagingSlots], _stagingFree = new nint[StagingSlots];
    private readonly long _stagingBytes;
    private ParameterLayout? _normLayout;
    private int _slot;

    /// <param name="shape">The encoder.</param>
    /// <param name="device">The GPU as libtorch knows it.</param>
    /// <param name="cuda">The GPU.</param>
    /// <param name="tokens">Most tokens of a pass.</param>
    /// <param name="cacheFolder">Where compiled kernels and chosen algorithms are kept; null keeps none.</param>
    /// <param name="headWidth">Width of a classification head, 0 for none.</param>
    /// <param name="classes">Its outputs.</param>
    public CudaStages(EncoderShape shape, Device device, CudaDevice cuda, int tokens, string? cacheFolder, int headWidth = 0, int classes = 0) : base(shape, device)
    {
        (_device, _cacheFolder, _headWidth, _classes) = (cuda, cacheFolder, headWidth, classes);
        _recorder = new CudaRecorder(cuda);
        _kernels = new(KernelLibrary.Load(cuda, [.. Requests(shape, headWidth, classes), .. SequenceRequests(shape, shape.Sequence, headWidth > 0)], cacheFolder));
        _products = new GemmRunner(cuda, device, cacheFolder);
        AllocatedBytes += GemmRunner.Bytes;
        // layernorm_backward fits twice on a multiprocessor; the optimizer's kernels eight times.
        (_normBlocks, _streamBlocks) = (2 * cuda.Multiprocessors, 8 * cuda.Multiprocessors);
        _normPartials = Allocate(float32, shape.Norms, _normBlocks, 2, shape.Hidden);
        _normOffsets = Allocate(int64, shape.Norms * 2);
        _squares = Allocate(float32, SquareBlocks);
        _positionPartials = Allocate(float32, PositionBlocks);
        _embeddingPartials = Allocate(float32, EmbeddingOrder.MaximumPartials(tokens), shape.Hidden);
        _stagingBytes = 8L * EmbeddingOrder.MaximumPieces(tokens) + (8L * tokens) + (24L * tokens);
        for (int i = 0; i < StagingSlots; i++)
        {
            _staging[i] = (nint)cuda.Driver.HostAllocate(_stagingBytes);
            _stagingFree[i] = cuda.Driver.CreateEvent(timing: false);
        }
    }

    public override ScalarType Working => bfloat16;

    public override ScalarType Master => float32;

    /// <summary>Setting it builds the kernels of that length, once.</summary>
    public override int Sequence
    {
        get => base.Sequence;
        set
        {
            base.Sequence = value;
            if (_kernels is not null && !_kernels.ContainsKey(At("attention_forward")))
            {
                foreach ((string key, CudaKernel kernel) in KernelLibrary.Load(_device, SequenceRequests(Shape, value, _headWidth > 0), _cacheFolder))
                {
                    _kernels.Add(key, kernel);
                }
            }
        }
    }

    /// <summary>Kernels that do not depend on the length of a row, with the macros that this shape gives them.</summary>
    public static IReadOnlyList<KernelRequest> Requests(EncoderShape s, int headWidth, int classes)
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
            new("gradient_squares", 256),
            new("adamw", 256),
            new("to_bf16", 256),
        ];
    }

    /// <summary>Kernels for rows of <paramref name="sequence"/> tokens; those with dropout beside the others, which keep their registers.</summary>
    public static IReadOnlyList<KernelRequest> SequenceRequests(EncoderShape s, int sequence, bool dropout)
    {
        (string, long) cols = ("COLS", s.Hidden), seq = ("SEQ", sequence), head = ("HEAD", s.HeadSize);
        int tile = sequence * s.HeadSize * 2, scores = sequence * sequence * 2;
        KernelRequest Attention(string name, int shared, bool drops) => new(name, 2 * sequence, shared, seq, head, ("DROPOUT", drops ? 1 : 0))
        {
            Key = $"{name}.{sequence}{(drops ? ".dropout" : "")}",
        };
        // With 64 channels the probabilities take the place of keys and values.
        int backward = (4 * tile) + (s.HeadSize == 64 ? scores : 2 * scores);
        return
        [
            new("embedding_forward", 256, 0, cols, seq) { Key = $"embedding_forward.{sequence}" },
            new("position_dot", 256, 0, cols, seq) { Key = $"position_dot.{sequence}" },
            .. Enumerable.Range(0, dropout ? 2 : 1).SelectMany(
                d => (KernelRequest[])[Attention("attention_forward", 3 * tile, d == 1), Attention("attention_backward", backward, d == 1)]),
        ];
    }

    public override void Enter() => _device.Enter();

    public override void Upload(int[] source, int count, Tensor destination)
    {
        long bytes = 4L * count;
        if (bytes > _stagingBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(count), $"A microbatch of {bytes} bytes does not fit into the staging buffer of {_stagingBytes}.");
        }

        _slot = (_slot + 1) % StagingSlots;
        // Waits only when the host is three microbatches ahead of the GPU.
        _device.Driver.Wait(_stagingFree[_slot]);
        source.AsSpan(0, count).CopyTo(new Span<int>((void*)_staging[_slot], count));
        _device.Driver.CopyToDevice(TensorPointer.Of(destination), (void*)_staging[_slot], bytes, 0);
        _device.Driver.Record(_stagingFree[_slot], 0);
    }

    public override void Embedding(Tensor ids, Tensor word, Tensor table, Tensor scale, Tensor output, int rows) =>
        Launch(At("embedding_forward"), Grid.Cover(rows, RowsPerBlock), ids, word, table, scale, output, rows);

    public override void Norm(Tensor x, Tensor weight, Tensor bias, Tensor y, Tensor mean, Tensor rstd, int rows) =>
        Launch("layernorm_forward", Grid.Cover(rows, RowsPerBlock), x, weight, bias, y, mean, rstd, rows, Shape.Epsilon);

    public override void NormBackward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor? residual, Tensor dx, int norm, int rows)
    {
        nint partial = TensorPointer.Of(_normPartials) + (nint)(4L * norm * _normBlocks * 2 * Shape.Hidden);
        Launch("layernorm_backward", _normBlocks, dy, x, mean, rstd, weight, residual, dx, partial, rows);
    }

    public override void NormGradients(ParameterLayout layout, Tensor gradient, bool accumulate)
    {
        if (!ReferenceEquals(_normLayout, layout))
        {
            _normOffsets.copy_(tensor(layout.Norms.SelectMany(n => new[] { n.Weight.Offset, n.Bias.Offset }).ToArray()));
            _normLayout = layout;
        }

        Launch("column_sums", new Grid((Shape.Hidden + 31) / 32, 2, Shape.Norms), _normPartials, _normOffsets, gradient, _normBlocks, accumulate ? 1 : 0);
    }

    // Row-major matrices are column-major transposed ones: each product below is written for the transposes.
    public override void Linear(Tensor x, Tensor w, Tensor y, Tensor? residual, int rows, int n, int k) =>
        Multiply(new(true, false, n, rows, k, CublasLt.Bfloat16, CublasLt.Bfloat16, y.dtype == float32 ? CublasLt.Float32 : CublasLt.Bfloat16, residual is not null), w, x, residual ?? y, y);

    public override void LinearInputGradient(Tensor dy, Tensor w, Tensor dx, int rows, int n, int k) =>
        Multiply(new(false, false, k, rows, n, CublasLt.Bfloat16, CublasLt.Bfloat16, CublasLt.Bfloat16, false), w, dy, dx, dx);

    public override void LinearWeightGradient(Tensor dy, Tensor x, Tensor dw, bool accumulate, int rows, int n, int k) =>
        Multiply(new(false, true, k, n, rows, CublasLt.Bfloat16, CublasLt.Bfloat16, CublasLt.Float32, accumulate), x, dy, dw, dw);

    public override void Attention(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, int batch, DropoutSite? dropout = null)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(At("attention_forward", dropout), new Grid(Shape.Heads, batch), qkv, lengths, output, lse, Shape.Heads, drop.State, drop.Site, drop.Threshold, drop.Scale);
    }

    public override void AttentionBackward(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, Tensor doutput, Tensor dqkv, int batch, DropoutSite? dropout = null)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            At("attention_backward", dropout), new Grid(Shape.Heads, batch), qkv, lengths, output, lse, doutput, dqkv, Shape.Heads, drop.State, drop.Site, drop.Threshold, drop.Scale);
    }

    public override void Dropout(Tensor x, Tensor? residual, Tensor y, DropoutSite site, int rows, int columns)
    {
        int packs = rows * (columns / 8);
        Launch("dropout", Grid.Cover(packs, 256), x, residual, y, site.State, site.Site, site.Threshold, site.Scale, packs);
    }

    public override void Geglu(Tensor u, Tensor y, int rows) => Launch("geglu_forward", Grid.Cover(rows * (long)Shape.Half / 8, 256), u, y, rows * (Shape.Half / 8));

    public override void GegluBackward(Tensor u, Tensor dy, Tensor du, int rows) =>
        Launch("geglu_backward", Grid.Cover(rows * (long)Shape.Half / 8, 256), u, dy, du, rows * (Shape.Half / 8));

    public override void Gather(Tensor x, Tensor positions, Tensor output, int rows) => Launch("gather_rows", Grid.Cover(rows, RowsPerBlock), x, positions, output, rows);

    public override void Scatter(Tensor input, Tensor positions, Tensor x, int rows, int xRows)
    {
        _device.Driver.Fill32(TensorPointer.Of(x), 0, xRows * (long)Shape.Hidden / 2, _device.Stream);
        Launch("scatter_rows", Grid.Cover(rows, RowsPerBlock), input, positions, x, rows);
    }

    public override void CrossEntropy(Tensor logits, Tensor labels, Tensor losses, float scale, float z, int rows) =>
        Launch("cross_entropy", rows, logits, labels, losses, scale, z);

    public override void Sum(Tensor values, Tensor output, int count, float scale) => Launch("sum_into", 1, values, output, count, scale, 0);

    public override void EmbeddingBackward(Tensor de, EmbeddingIndex index, Tensor gradient, int rows)
    {
        if (index.Pieces > 0)
        {
            Launch("embedding_backward", index.Pieces, de, index.Order, index.Starts, index.Targets, gradient, _embeddingPartials, index.Counts);
        }

        if (index.LongTokens > 0)
        {
            Launch("embedding_long", new Grid(index.LongTokens, (Shape.Hidden + 127) / 128), index.Long, _embeddingPartials, gradient, index.Counts);
        }
    }

    public override void PositionScaleGradient(Tensor de, Tensor table, Tensor gradient, bool accumulate, int rows)
    {
        Launch(At("position_dot"), PositionBlocks, de, table, _positionPartials, rows);
        Launch("sum_into", 1, _positionPartials, gradient, PositionBlocks, 1f, accumulate ? 1 : 0);
    }

    public override void Classify(ClassifierWeights w, ClassifierBuffers b, Tensor? labels, DropoutSite? dropout, int rows)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            "classify", rows, b.Pre, w.DenseBias, w.Weight, w.Bias, labels, drop.State, drop.Site, drop.Threshold, drop.Scale,
            b.Hidden, b.Outputs, b.Losses, b.OutputGradient, rows, b.Regression ? 1 : 0);
    }

    public override void ClassifyBackward(ClassifierWeights w, ClassifierBuffers b, DropoutSite? dropout, int rows)
    {
        DropoutSite drop = dropout.GetValueOrDefault();
        Launch(
            "classify_backward", Grid.Cover(b.Width, 64), b.OutputGradient, b.Hidden, w.Weight, drop.State, drop.Site, drop.Threshold, drop.Scale,
            b.PreGradient, w.DenseBiasGradient, w.WeightGradient, w.BiasGradient, rows);
    }

    public override void Zero(Tensor x) => _device.Driver.Fill32(TensorPointer.Of(x), 0, x.numel() * x.ElementSize / 4, _device.Stream);

    public override void Replay((int Rows, int Sequence) key, Action work) => _recorder.Run(key, work);

    public override void AdamW(FlatParameters p, AdamWSettings s, Tensor? norm, Tensor? live)
    {
        long quads = p.Layout.Total / 4;
        if (norm is not null)
        {
            Launch("gradient_squares", SquareBlocks, p.Gradient, _squares, quads);
        }

        Launch(
            "adamw", _streamBlocks, p.Masters, p.Gradient, p.FirstMoment, p.SecondMoment, p.Working, _squares, norm is null ? 0 : SquareBlocks, norm,
            norm is null ? 0f : (float)s.ClipNorm,
            quads, p.Layout.Decayed / 4, (float)s.LearningRate, (float)s.WeightDecay, (float)(1 - s.Beta1), (float)(1 - s.Beta2), (float)s.Epsilon,
            (float)(1 - Math.Pow(s.Beta1, s.Step)), (float)(1 - Math.Pow(s.Beta2, s.Step)), live);
    }

    public override void RefreshWorking(FlatParameters p) => Launch("to_bf16", _streamBlocks, p.Masters, p.Working, p.Layout.Total / 4);

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _device.Driver.Synchronize(0);
            _recorder.Dispose();
            _products.Dispose();
            for (int i = 0; i < StagingSlots; i++)
            {
                _device.Driver.HostFree((void*)_staging[i]);
                _device.Driver.DestroyEvent(_stagingFree[i]);
            }
        }

        base.Dispose(disposing);
    }

    private void Multiply(GemmShape shape, Tensor a, Tensor b, Tensor c, Tensor d) =>
        _products.Multiply(shape, TensorPointer.Of(a), TensorPointer.Of(b), shape.Accumulates ? 1 : 0, TensorPointer.Of(c), TensorPointer.Of(d));

    private string At(string kernel, DropoutSite? dropout = null) => $"{kernel}.{Sequence}{(dropout is null ? "" : ".dropout")}";

    private void Launch(string kernel, Grid grid, params ReadOnlySpan<KernelArgument> arguments) => _device.Launch(_kernels[kernel], grid, arguments);
}
