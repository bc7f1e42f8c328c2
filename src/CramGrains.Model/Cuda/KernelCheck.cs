using CramGrains.Model.Recipes;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>How far one kernel's output is from its plain twin's in float64.</summary>
/// <param name="Kernel">The stage, and which of its outputs.</param>
/// <param name="Error">Norm of the difference over the norm of what the twin says; infinite where an element was not written or is not a number.</param>
/// <param name="Tolerance">1e-2 for 16-bit outputs, 1e-5 for float32 ones, or what the arithmetic in between allows.</param>
public sealed record KernelAgreement(string Kernel, double Error, double Tolerance)
{
    /// <summary>Within the tolerance.</summary>
    public bool Passed => Error < Tolerance;
}

/// <summary>Holds every kernel to its twin on random inputs, with outputs poisoned before each run.</summary>
public static partial class KernelCheck
{
    private const double Narrow = 1e-2, Wide = 1e-5;

    /// <summary>Runs all kernels for one shape.</summary>
    /// <param name="architecture">Sizes of the encoder.</param>
    /// <param name="vocabulary">Entries of the vocabulary (V).</param>
    /// <param name="sequence">Tokens per row (S).</param>
    /// <param name="rows">Rows (B).</param>
    /// <param name="device">The GPU.</param>
    /// <param name="cacheFolder">Where compiled kernels are kept; null keeps none.</param>
    /// <param name="half">float16 in place of bfloat16.</param>
    /// <param name="asCapability">Compiles for this older compute capability (75 for 7.5) and keeps to its limits; null for the GPU's own.</param>
    /// <exception cref="NotSupportedException">The fast engine has no kernels for this shape or GPU; the message says why.</exception>
    public static IReadOnlyList<KernelAgreement> Run(ArchitectureRecipe architecture, int vocabulary, int sequence, int rows, Device device, string? cacheFolder, bool half = false, int? asCapability = null)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        EncoderShape? shape = EncoderShape.From(architecture, vocabulary, sequence, out string? whyNot);
        whyNot ??= shape!.WhyNotOnGpu();
        CudaDevice? cuda = whyNot is null ? CudaDevice.TryOpen(device, out whyNot) : null;
        if (cuda is null)
        {
            throw new NotSupportedException($"There are no kernels to check: {whyNot}.");
        }

        cuda = asCapability is { } older ? cuda.As(older) : cuda;
        half |= !cuda.HasBfloat16;

        using var scope = NewDisposeScope();
        using var generator = manual_seed(1);
        using var pretraining = new CudaStages(shape!, device, cuda, rows * sequence, cacheFolder, half: half);
        using var twin = new PlainStages(shape!, device, float64, float64);
        var check = new KernelChecks(pretraining, twin, rows);
        check.Pretraining();
        using var fineTuning = new CudaStages(shape!, device, cuda, rows * sequence, cacheFolder, KernelChecks.HeadWidth, KernelChecks.Classes, half: half);
        var more = new KernelChecks(fineTuning, twin, rows);
        more.FineTuning();
        List<KernelAgreement> results = [.. check.Results, .. more.Results];
        foreach ((bool rotary, bool norm) in ((bool, bool)[])[(true, true), (true, false), (false, true)])
        {
            EncoderShape turned = shape! with { Rotary = rotary, QueryKeyNorm = norm };
            using var turning = new CudaStages(turned, device, cuda, rows * sequence, cacheFolder, half: half);
            using var turningTwin = new PlainStages(turned, device, float64, float64);
            var heads = new KernelChecks(turning, turningTwin, rows);
            heads.Turning();
            results.AddRange(heads.Results);
        }

        EncoderShape mixed = shape! with { ResidualScalars = true, FirstAttentionNorm = false, HeadTransform = true, Layers = 3 };
        using (var mixing = new CudaStages(mixed, device, cuda, rows * sequence, cacheFolder, half: half))
        using (var mixingTwin = new PlainStages(mixed, device, float64, float64))
        {
            var scalars = new KernelChecks(mixing, mixingTwin, rows);
            scalars.Mixing();
            results.AddRange(scalars.Results);
        }

        if (cuda.Architecture >= 89 && !half)
        {
            using var narrow = new CudaStages(shape!, device, cuda, rows * sequence, cacheFolder, float8: true);
            var last = new KernelChecks(narrow, twin, rows);
            last.Float8();
            results.AddRange(last.Results);
        }

        return results;
    }

    /// <summary>The checks themselves, over two implementations of the same stages.</summary>
    internal sealed partial class KernelChecks(Stages fast, Stages plain, int batch)
    {
        public const int HeadWidth = 64, Classes = 3;

        private readonly EncoderShape _s = fast.Shape;
        private readonly int _t = batch * fast.Shape.Sequence;

        public List<KernelAgreement> Results { get; } = [];

        /// <summary>Every stage of pretraining.</summary>
        public void Pretraining()
        {
            int d = _s.Hidden, f = _s.FeedForward, half = _s.Half, v = _s.Vocabulary;
            Tensor x = Work(_t, d), dy = Work(_t, d), w = Full(d), b = Full(d), table = Full(_s.Sequence, d), scale = Full(1), word = Work(v, d);
            Tensor ids = Ints(_t, v);
            Compare("embedding", o => fast.Embedding(ids, word, table, scale, o[0], _t), o => plain.Embedding(ids, Double(word), Double(table), Double(scale), o[0], _t), Out(_t, d));
            Compare(
                "norm", o => fast.Norm(x, w, b, o[0], o[1], o[2], _t), o => plain.Norm(Double(x), Double(w), Double(b), o[0], o[1], o[2], _t),
                Out(_t, d), Stat(_t), Stat(_t));
            Tensor mean = Double(x).mean([1]), deviation = ((Double(x) - mean.unsqueeze(1)).square().mean([1]) + _s.Epsilon).rsqrt();
            (Tensor meanF, Tensor deviationF) = (mean.to(float32), deviation.to(float32));
            var layout = new ParameterLayout(_s);
            foreach (bool residual in (bool[])[false, true])
            {
                Compare(
                    $"norm backward{(residual ? " + residual" : "")}",
                    o => Norms(fast, (n, dx) => fast.NormBackward(dy, x, meanF, deviationF, w, residual ? x : null, dx, n, _t), layout, o),
                    o => Norms(plain, (n, dx) => plain.NormBackward(Double(dy), Double(x), mean, deviation, Double(w), residual ? Double(x) : null, dx, n, _t), layout, o),
                    Out(_t, d), new Output(float32, 1e-4, layout.Total));
            }

            Tensor wf = Work(f, d), u = Work(_t, f), g = Work(_t, half);
            Compare("linear", o => fast.Linear(x, wf, o[0], null, _t, f, d), o => plain.Linear(Double(x), Double(wf), o[0], null, _t, f, d), Out(_t, f));
            Tensor wo = Work(d, half);
            Compare("linear + residual", o => fast.Linear(g, wo, o[0], x, _t, d, half), o => plain.Linear(Double(g), Double(wo), o[0], Double(x), _t, d, half), Out(_t, d));
            Compare("linear input gradient", o => fast.LinearInputGradient(u, wf, o[0], _t, f, d), o => plain.LinearInputGradient(Double(u), Double(wf), o[0], _t, f, d), Out(_t, d));
            Compare(
                "linear weight gradient", o => fast.LinearWeightGradient(u, x, o[0], false, _t, f, d), o => plain.LinearWeightGradient(Double(u), Double(x), o[0], false, _t, f, d),
                new Output(float32, Wide, f, d));
            Attention("", null);
            Compare("geglu", o => fast.Geglu(u, o[0], _t), o => plain.Geglu(Double(u), o[0], _t), Out(_t, half));
            Compare("geglu backward", o => fast.GegluBackward(u, g, o[0], _t), o => plain.GegluBackward(Double(u), Double(g), o[0], _t), Out(_t, f));
            int masked = Math.Max(1, _t / 4);
            Tensor positions = randperm(_t, ScalarType.Int64, fast.Device).narrow(0, 0, masked).to(ScalarType.Int32), labels = Ints(masked, v);
            positions[0] = -1;
            labels[0] = -1;
            Tensor m = Work(masked, d);
            Compare("gather", o => fast.Gather(x, positions, o[0], masked), o => plain.Gather(Double(x), positions, o[0], masked), Out(masked, d));
            Compare("scatter", o => fast.Scatter(m, positions, o[0], masked, _t), o => plain.Scatter(Double(m), positions, o[0], masked, _t), Out(_t, d));
            Tensor logits = Work(masked, v);
            Compare(
                "cross-entropy", o => { o[0].copy_(logits); fast.CrossEntropy(o[0], labels, o[1], 0.125f, 1e-3f, masked); },
                o => { o[0].copy_(logits); plain.CrossEntropy(o[0], labels, o[1], 0.125f, 1e-3f, masked); }, Out(masked, v), Stat(masked));
            Tensor values = Full(1000).abs(); // nothing cancels, so the error is that of the sum
            Compare("sum", o => fast.Sum(values, o[0], 777, 0.5f), o => plain.Sum(Double(values), o[0], 777, 0.5f), new Output(float32, Wide));
            Embedding(dy, v);
            Compare(
                "position scale gradient", o => fast.PositionScaleGradient(dy, table, o[0], false, _t), o => plain.PositionScaleGradient(Double(dy), Double(table), o[0], false, _t),
                new Output(float32, 1e-3, 1));
            Optimizer();
        }

        /// <summary>What fine-tuning adds: padding, dropout, the head.</summary>
        public void FineTuning()
        {
            Tensor state = tensor([12345, -6789, 3], device: fast.Device);
            DropoutSite site = DropoutStream.Of(state, 0.1)!.At(5);
            Tensor x = Work(_t, _s.Hidden), r = Work(_t, _s.Hidden);
            Compare("dropout", o => fast.Dropout(x, null, o[0], site, _t, _s.Hidden), o => plain.Dropout(Double(x), null, o[0], site, _t, _s.Hidden), Out(_t, _s.Hidden));
            Compare("dropout + residual", o => fast.Dropout(x, r, o[0], site, _t, _s.Hidden), o => plain.Dropout(Double(x), Double(r), o[0], site, _t, _s.Hidden), Out(_t, _s.Hidden));
            for (int sequence = 32; sequence <= _s.Sequence; sequence += 32)
            {
                (fast.Sequence, plain.Sequence) = (sequence, sequence);
                Attention($" S={sequence}", null);
                Attention($" S={sequence} dropout", site);
            }

            Head("", Classes, null, regression: false);
            Head(" dropout", Classes, site, regression: false);
        }

        private void Head(string what, int classes, DropoutSite? site, bool regression)
        {
            Tensor pre = Full(batch, HeadWidth), w = Full(classes, HeadWidth), bias = Full(HeadWidth), bias2 = Full(classes), labels = Ints(batch, classes);
            void Both(Stages s, Tensor[] o, Func<Tensor, Tensor> to)
            {
                var weights = new ClassifierWeights(to(bias), to(w), to(bias2), o[5], o[6], o[7]);
                var buffers = new ClassifierBuffers(to(pre), o[0], o[1], o[2], o[3], o[4], regression);
                s.Classify(weights, buffers, labels, site, batch);
                s.ClassifyBackward(weights, buffers, site, batch);
            }

            Compare(
                "classify" + what, o => Both(fast, o, t => t), o => Both(plain, o, Double),
                Stat(batch, HeadWidth), Stat(batch, classes), Stat(batch, classes), Stat(batch), Out(batch, HeadWidth), Stat(HeadWidth), Stat(classes, HeadWidth), Stat(classes));
        }

        private void Attention(string what, DropoutSite? site)
        {
            int s = fast.Sequence, rows = batch * s, d = _s.Hidden;
            Tensor qkv = Work(rows, 3 * d), dout = Work(rows, d);
            Tensor lengths = randint(2, s + 1, [batch], ScalarType.Int32, fast.Device);
            foreach (Tensor? length in (Tensor?[])[null, lengths])
            {
                string name = $"attention{what}{(length is null ? "" : " padded")}";
                Tensor exact = zeros(rows, d, float64, fast.Device), sums = zeros(batch, _s.Heads, s, float64, fast.Device);
                Compare(
                    name, o => fast.Attention(qkv, length, o[0], o[1], batch, site), o => { plain.Attention(Double(qkv), length, o[0], o[1], batch, site); exact.copy_(o[0]); sums.copy_(o[1]); },
                    Out(rows, d), Stat(batch, _s.Heads, s));
                (Tensor outB, Tensor sumsF) = (exact.to(fast.Working), sums.to(float32));
                Compare(
                    $"{name} backward", o => fast.AttentionBackward(qkv, length, outB, sumsF, dout, o[0], batch, site),
                    o => plain.AttentionBackward(Double(qkv), length, exact, sums, Double(dout), o[0], batch, site), new Output(fast.Working, 2e-2, rows, 3 * d));
            }
        }

        private void Embedding(Tensor de, int v)
        {
            // Token 4 is as frequent as [MASK].
            var random = new Random(2);
            int[] ids = [.. Enumerable.Range(0, _t).Select(_ => random.Next(5) == 0 ? 4 : random.Next(v))];
            var order = new EmbeddingOrder(v, _t);
            order.Build(ids);
            int pieces = EmbeddingOrder.MaximumPieces(_t), longs = EmbeddingOrder.MaximumLong(_t);
            int[] host = new int[_t + pieces + 1 + pieces + (3 * longs) + 2];
            int[] at = [0, _t, _t + pieces + 1, _t + (2 * pieces) + 1, _t + (2 * pieces) + 1 + (3 * longs)];
            order.CopyTo(host, at);
            Tensor all = tensor(host, device: fast.Device);
            Tensor Part(int i, int count) => all.narrow(0, at[i], count);
            foreach (bool most in (bool[])[false, true]) // exact launches, and recorded ones with room to spare
            {
                var index = new EmbeddingIndex(tensor(ids, device: fast.Device), Part(0, _t), Part(1, pieces + 1), Part(2, pieces), Part(3, 3 * longs), Part(4, 2))
                {
                    Pieces = most ? pieces : order.Pieces, LongTokens = most ? longs : order.LongTokens,
                };
                Compare(
                    $"embedding backward{(most ? ", recorded" : "")}", o => { o[0].zero_(); fast.EmbeddingBackward(de, index, o[0], _t); },
                    o => { o[0].zero_(); plain.EmbeddingBackward(Double(de), index, o[0], _t); }, Stat(v, _s.Hidden));
            }
        }

        private void Optimizer(string what = "", double scalarFactor = 1)
        {
            (FlatParameters a, FlatParameters b) = (new(fast, new ParameterLayout(_s)), new(plain, new ParameterLayout(_s)));
            foreach ((Tensor to, Tensor from) in ((Tensor, Tensor)[])[(a.Masters, b.Masters), (a.Gradient, b.Gradient), (a.FirstMoment, b.FirstMoment), (a.SecondMoment, b.SecondMoment)])
            {
                to.normal_();
                from.copy_(ReferenceEquals(to, a.SecondMoment) ? to.abs_() : to);
            }

            var settings = new AdamWSettings(1e-2, 0.9, 0.98, 1e-6, 0.01, 0.5, 3) { ScalarFactor = scalarFactor };
            Tensor norm = zeros([], float32, fast.Device), normTwin = zeros([], float64, fast.Device);
            fast.AdamW(a, settings, norm, null);
            plain.AdamW(b, settings, normTwin, null);
            Record($"adamw weights{what}", b.Masters, a.Masters, Wide);
            Record("adamw first moment", b.FirstMoment, a.FirstMoment, Wide);
            Record("adamw second moment", b.SecondMoment, a.SecondMoment, Wide);
            Record("adamw working copy", b.Working, a.Working, Narrow);
            Record("adamw norm", normTwin, norm, Wide);
            if (scalarFactor != 1)
            {
                long first = a.Layout.Scalars;
                Record("adamw scalars", b.Masters.narrow(0, first, b.Layout.Total - first), a.Masters.narrow(0, first, a.Layout.Total - first), Wide);
            }
        }

        /// <summary>One backward pass for each norm, since their shares of the weight gradients are added up together; the last one's dx is kept.</summary>
        private void Norms(Stages stages, Action<int, Tensor> backward, ParameterLayout layout, Tensor[] o)
        {
            for (int n = 0; n < _s.Norms; n++)
            {
                backward(n, o[0]);
            }

            o[1].zero_();
            stages.NormGradients(layout, o[1], accumulate: false);
        }

        private void Compare(string name, Action<Tensor[]> kernel, Action<Tensor[]> reference, params Output[] outputs)
        {
            using var scope = NewDisposeScope();
            Tensor[] actual = [.. outputs.Select(o => full(o.Sizes, double.NaN, o.Type, fast.Device))];
            Tensor[] expected = [.. outputs.Select(o => full(o.Sizes, double.NaN, float64, fast.Device))];
            fast.Enter();
            kernel(actual);
            reference(expected);
            for (int i = 0; i < outputs.Length; i++)
            {
                Record(outputs.Length > 1 ? $"{name} [{i}]" : name, expected[i], actual[i], outputs[i].Tolerance);
            }
        }

        private void Record(string name, Tensor expected, Tensor actual, double tolerance)
        {
            using var scope = NewDisposeScope();
            double error = ((actual.to(float64) - expected).norm() / (expected.norm() + 1e-30)).item<double>(); // sync
            Results.Add(new(name, double.IsFinite(error) ? error : double.PositiveInfinity, tolerance));
        }

        private Tensor Work(params long[] size) => randn(size, float32, fast.Device).to(fast.Working);

        private Tensor Full(params long[] size) => randn(size, float32, fast.Device);

        private Tensor Ints(int count, int below) => randint(0, below, [count], ScalarType.Int32, fast.Device);

        private static Tensor Double(Tensor t) => t.to(float64);

        private Output Out(params long[] size) => new(fast.Working, Narrow, size);

        private static Output Stat(params long[] size) => new(float32, Wide, size);

        private sealed record Output(ScalarType Type, double Tolerance, params long[] Sizes);
    }
}
