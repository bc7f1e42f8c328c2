using CramGrains.Model.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>The arithmetic that <see cref="FusedEngine"/> is made of, one method a stage. <see cref="CudaStages"/> runs kernels; <see cref="PlainStages"/>
/// is their twin in plain TorchSharp, on any device and in any precision, and the meaning of each stage is defined there.</summary>
/// <remarks>All outputs are preallocated. T is rows times S; matrices are row-major; weights are [out, in]. An output that may be null is left out when only its
/// FP8 copy is wanted.</remarks>
internal abstract class Stages : IDisposable
{
    private readonly List<Tensor> _owned = [];

    protected Stages(EncoderShape shape, Device device) => (Shape, Device, Sequence) = (shape, device, shape.Sequence);

    public EncoderShape Shape { get; }

    /// <summary>Tokens per row of the pass at hand (S), at most the shape's; fine-tuning pads each batch to what it needs.</summary>
    public virtual int Sequence { get; set; }

    public Device Device { get; }

    /// <summary>Type of activations and working weights.</summary>
    public abstract ScalarType Working { get; }

    /// <summary>Type of master weights, statistics, gradients and optimizer state.</summary>
    public abstract ScalarType Master { get; }

    /// <summary>Bytes of every buffer allocated here; with everything preallocated this is the peak.</summary>
    public long AllocatedBytes { get; protected set; }

    /// <summary>A buffer that lives as long as this object.</summary>
    public Tensor Allocate(ScalarType type, params long[] shape)
    {
        Tensor t = empty(shape, type, Device).DetachFromDisposeScope();
        _owned.Add(t);
        AllocatedBytes += t.numel() * t.dtype.ElementSize();
        return t;
    }

    /// <summary>Room for so many FP8 values.</summary>
    public abstract Tensor AllocateFloat8(long count);

    /// <summary>A buffer as of <see cref="Allocate"/> with one value everywhere.</summary>
    public Tensor AllocateFilled(ScalarType type, double value, params long[] shape)
    {
        Tensor t = Allocate(type, shape);
        t.FillInPlace(value); // what this returns belongs to the dispose scope around; the buffer must not
        return t;
    }

    /// <summary>A view that lives as long as this object.</summary>
    public Tensor View(Tensor view)
    {
        _owned.Add(view.DetachFromDisposeScope());
        return view;
    }

    /// <summary>Called before any other stage of a step, on whatever thread the step runs.</summary>
    public abstract void Enter();

    /// <summary>Copies a prepared microbatch to the device; the source may be reused at once.</summary>
    public abstract void Upload(int[] source, int count, Tensor destination);

    /// <summary>out[T, D] = word[ids] + scale * table[t mod S]</summary>
    public abstract void Embedding(Tensor ids, Tensor word, Tensor table, Tensor scale, Tensor output, int rows);

    /// <summary>Layer norm over D; means and reciprocal deviations are kept.</summary>
    public abstract void Norm(Tensor x, Tensor weight, Tensor bias, Tensor? y, Tensor mean, Tensor rstd, int rows, Float8Copy? copy = null);

    /// <summary>dx = residual + gradient through the norm (residual may be null or dx itself); the weight and bias gradients wait in slot <paramref name="norm"/>.</summary>
    public abstract void NormBackward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor? residual, Tensor dx, int norm, int rows, Float8Copy? copy = null);

    /// <summary>Moves every norm's waiting gradients into the flat gradient, to where <paramref name="layout"/> has them, adding where <paramref name="accumulate"/>.</summary>
    public abstract void NormGradients(ParameterLayout layout, Tensor gradient, bool accumulate);

    /// <summary>y[rows, n] = x[rows, k] w[n, k]^T, plus <paramref name="residual"/> when given.</summary>
    public abstract void Linear(Tensor x, Tensor w, Tensor y, Tensor? residual, int rows, int n, int k);

    /// <summary>dx[rows, k] = dy[rows, n] w[n, k]</summary>
    public abstract void LinearInputGradient(Tensor dy, Tensor w, Tensor dx, int rows, int n, int k);

    /// <summary><see cref="Linear"/> on FP8 copies.</summary>
    public abstract void Linear8(Float8Copy x, Float8Weight w, Tensor y, Tensor? residual, int rows, int n, int k);

    /// <summary><see cref="LinearInputGradient"/> on FP8 copies.</summary>
    public abstract void LinearInputGradient8(Float8Copy dy, Float8Weight w, Tensor dx, int rows, int n, int k);

    /// <summary><see cref="LinearWeightGradient"/> on FP8 copies that were transposed: dyT is [n, rows], xT [k, rows].</summary>
    public abstract void LinearWeightGradient8(Tensor dyT, Float8Copy dy, Tensor xT, Float8Copy x, Tensor dw, bool accumulate, int rows, int n, int k);

    /// <summary>The FP8 copy of a tensor that no stage makes with it.</summary>
    public abstract void Copy8(Tensor x, Float8Copy copy, int rows, int columns);

    /// <summary>to[columns, rows] = the copy[rows, columns]. Any buffer of enough bytes will do.</summary>
    public abstract void Transpose8(Float8Copy copy, Tensor to, int rows, int columns);

    /// <summary>New scales, powers of two, from the largest magnitudes, of which the share <paramref name="keep"/> stays for the next time. The first <paramref name="gradients"/> tensors are e4m3, the others e5m2;
    /// <paramref name="headroom"/> binary orders stay free. A tensor of zeros keeps its scale.</summary>
    public abstract void Float8Scale(Float8Scales scales, int gradients, int headroom, double keep);

    /// <summary>FP8 copies of the working matrices, each with a scale of its own largest magnitude.</summary>
    public abstract void Float8Weights(FlatParameters p, Float8State state);

    /// <summary>dw[n, k] (+)= dy[rows, n]^T x[rows, k], in the master type.</summary>
    public abstract void LinearWeightGradient(Tensor dy, Tensor x, Tensor dw, bool accumulate, int rows, int n, int k);

    /// <summary>y[T, D] = residual[layer] * x + embedding[layer] * start</summary>
    public abstract void Mix(Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor y, int layer, int rows);

    /// <summary>Its gradient, layers from the last to the first: dx = residual[layer] * dy (dx may be dy), and dstart adds up embedding[layer] * dy; at layer 0, whose
    /// x is the start, dx takes all of dstart up. The scalars' gradients wait.</summary>
    public abstract void MixBackward(Tensor dy, Tensor x, Tensor start, Tensor residual, Tensor embedding, Tensor dx, Tensor dstart, int layer, int rows);

    /// <summary>Moves the scalars' waiting gradients into <c>[L]</c> each, adding where <paramref name="accumulate"/>.</summary>
    public abstract void MixGradients(Tensor residual, Tensor embedding, bool accumulate);

    /// <summary>Queries and keys in place, as the shape says: divided by their root mean square, turned by their position. <paramref name="angles"/> is
    /// [2, S of the shape, K/2], cosine and sine; <paramref name="scales"/> [T, 2, H] keeps what a vector was multiplied by (null without norm).</summary>
    public abstract void TurnHeads(Tensor qkv, Tensor angles, Tensor? scales, int rows);

    /// <summary>Its gradient, in place of <paramref name="dqkv"/>; qkv holds the turned vectors and is read with norm only.</summary>
    public abstract void TurnHeadsBackward(Tensor qkv, Tensor dqkv, Tensor angles, Tensor? scales, int rows);

    /// <summary>Softmax attention; qkv [B, S, 3, H, K], out [B, S, H, K], lse [B, H, S] in base 2. <paramref name="lengths"/> (int32 [B], or null) hides keys from there on.</summary>
    public abstract void Attention(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, int batch, DropoutSite? dropout = null, Float8Copy? copy = null);

    /// <summary>Gradient of attention; dqkv may be qkv.</summary>
    public abstract void AttentionBackward(Tensor qkv, Tensor? lengths, Tensor output, Tensor lse, Tensor doutput, Tensor? dqkv, int batch, DropoutSite? dropout = null, Float8Copy? copy = null);

    /// <summary>y[T, F/2] = u[:, :F/2] * gelu(u[:, F/2:])</summary>
    public abstract void Geglu(Tensor u, Tensor? y, int rows, Float8Copy? copy = null);

    /// <summary>Gradient of the gated unit; du may be u.</summary>
    public abstract void GegluBackward(Tensor u, Tensor dy, Tensor? du, int rows, Float8Copy? copy = null);

    /// <summary>y = gelu(x), <c>[rows, D]</c>.</summary>
    public abstract void Gelu(Tensor x, Tensor y, int rows);

    /// <summary>Its gradient; dx may be dy.</summary>
    public abstract void GeluBackward(Tensor x, Tensor dy, Tensor dx, int rows);

    /// <summary>x += y, <c>[rows, D]</c>.</summary>
    public abstract void AddRows(Tensor x, Tensor y, int rows);

    /// <summary>out[i] = x[positions[i]], zero where the position is -1.</summary>
    public abstract void Gather(Tensor x, Tensor positions, Tensor output, int rows);

    /// <summary>x = 0, then x[positions[i]] = input[i] where the position is not -1.</summary>
    public abstract void Scatter(Tensor input, Tensor positions, Tensor x, int rows, int xRows);

    /// <summary>Losses of rows of logits; with a scale that is not 0, logits become their gradient times the scale. A label of -1 gives zero.</summary>
    public abstract void CrossEntropy(Tensor logits, Tensor labels, Tensor losses, float scale, float z, int rows);

    /// <summary>output = scale * sum of the first <paramref name="count"/> values</summary>
    public abstract void Sum(Tensor values, Tensor output, int count, float scale);

    /// <summary>y[rows, columns] = residual + x with some elements zeroed and the rest scaled up (residual may be null; y may be x).</summary>
    public abstract void Dropout(Tensor x, Tensor? residual, Tensor y, DropoutSite site, int rows, int columns);

    /// <summary>Adds the gradient of the word embedding's rows, token by token in the order of <paramref name="index"/>.</summary>
    public abstract void EmbeddingBackward(Tensor de, EmbeddingIndex index, Tensor gradient, int rows);

    /// <summary>gradient (+)= sum of de * table</summary>
    public abstract void PositionScaleGradient(Tensor de, Tensor table, Tensor gradient, bool accumulate, int rows);

    /// <summary>hidden = tanh(pre + bias), then dropout and the classifier on it, and each example's loss with the loss's gradient at the outputs.</summary>
    public abstract void Classify(ClassifierWeights w, ClassifierBuffers b, Tensor? labels, DropoutSite? dropout, int rows);

    /// <summary>From the gradient at the outputs: that of <c>pre</c>, in the working type, and of the classifier and both biases.</summary>
    public abstract void ClassifyBackward(ClassifierWeights w, ClassifierBuffers b, DropoutSite? dropout, int rows);

    /// <summary>x = 0</summary>
    public abstract void Zero(Tensor x);

    /// <summary>Global norm, clip, AdamW and the working copy, over flat buffers. <paramref name="norm"/> receives the norm before clipping; without it
    /// nothing is clipped. <paramref name="live"/>, where given, holds the float32 bits of learning rate and bias corrections in place of the settings', so that the
    /// same launch serves every step.</summary>
    public abstract void AdamW(FlatParameters p, AdamWSettings settings, Tensor? norm, Tensor? live);

    /// <summary>Does work that is the same sequence of stages over the same buffers each time its key comes back, so that a GPU may record and replay it.</summary>
    public virtual void Replay((int Rows, int Sequence) key, Action work) => work();

    /// <summary>Refreshes the working copy after weights were loaded.</summary>
    public abstract void RefreshWorking(FlatParameters p);

    /// <summary>Frees the buffers.</summary>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        _owned.ForEach(t => t.Dispose());
        _owned.Clear();
    }
}

/// <summary>One step's numbers.</summary>
internal readonly record struct AdamWSettings(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, double ClipNorm, long Step)
{
    /// <summary>Elements [from, to) that another optimizer steps.</summary>
    public (long From, long To) Skipped { get; init; }

    /// <summary>What the learning rate of residual scalars is multiplied by.</summary>
    public double ScalarFactor { get; init; } = 1;
}

/// <summary>One fine-tuning's or run's dropout: a counter-based stream (Philox) whose key and step lie in device memory.</summary>
/// <param name="State"><c>[3] int32</c>: the two words of the key, and the step.</param>
/// <param name="Threshold">Of 65,536 equally likely values, those below it drop an element.</param>
internal sealed record DropoutStream(Tensor State, int Threshold)
{
    /// <summary>The stream with a probability rounded to 1 / 65,536, or null for none.</summary>
    public static DropoutStream? Of(Tensor state, double probability) => probability > 0 ? new(state, (int)Math.Round(probability * 65536)) : null;

    public DropoutSite At(int site) => new(State, site, Threshold);
}

/// <summary>The elements of one tensor that a step drops.</summary>
internal readonly record struct DropoutSite(Tensor State, int Site, int Threshold)
{
    /// <summary>What kept elements are multiplied by.</summary>
    public float Scale => 65536f / (65536 - Threshold);
}

/// <summary>Float32 weights of a classification head and their gradients.</summary>
internal sealed record ClassifierWeights(Tensor DenseBias, Tensor Weight, Tensor Bias, Tensor DenseBiasGradient, Tensor WeightGradient, Tensor BiasGradient);

/// <summary>What a classification head keeps between its passes. B examples, W width, C outputs.</summary>
/// <param name="Pre"><c>[B, W]</c>, the dense layer without its bias.</param>
/// <param name="Hidden"><c>[B, W]</c>, after tanh.</param>
/// <param name="Outputs"><c>[B, C]</c>.</param>
/// <param name="OutputGradient"><c>[B, C]</c>, of the mean loss.</param>
/// <param name="Losses"><c>[B]</c>.</param>
/// <param name="PreGradient"><c>[B, W]</c>, working type.</param>
/// <param name="Regression">Squared error instead of cross-entropy.</param>
internal sealed record ClassifierBuffers(Tensor Pre, Tensor Hidden, Tensor Outputs, Tensor OutputGradient, Tensor Losses, Tensor PreGradient, bool Regression)
{
    public int Width => (int)Hidden.shape[1];

    public int Classes => (int)Outputs.shape[1];
}
