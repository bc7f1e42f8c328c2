using static TorchSharp.torch;

namespace CramGrains.Model.Cuda;

/// <summary>Master weights, gradients, both moments and the working copy, each one flat buffer in the order of a <see cref="ParameterLayout"/>, with views by name.</summary>
internal sealed class FlatParameters
{
    private readonly Stages _stages;
    private readonly Dictionary<string, Tensor> _working = [], _gradients = [];

    public FlatParameters(Stages stages, ParameterLayout layout)
    {
        (_stages, Layout) = (stages, layout);
        Masters = stages.AllocateFilled(stages.Master, 0, layout.Total);
        Gradient = stages.AllocateFilled(stages.Master, 0, layout.Total);
        FirstMoment = stages.AllocateFilled(stages.Master, 0, layout.Total);
        SecondMoment = stages.AllocateFilled(stages.Master, 0, layout.Total);
        Working = stages.AllocateFilled(stages.Working, 0, layout.Total);
        foreach (ParameterLayout.Entry e in layout.Entries)
        {
            Weights[e.Name] = Part(Masters, e);
            State[$"exp_avg/{e.Name}"] = Part(FirstMoment, e);
            State[$"exp_avg_sq/{e.Name}"] = Part(SecondMoment, e);
            _working[e.Name] = Part(Working, e);
            _gradients[e.Name] = Part(Gradient, e);
        }
    }

    public ParameterLayout Layout { get; }

    public Tensor Masters { get; }

    public Tensor Gradient { get; }

    public Tensor FirstMoment { get; }

    public Tensor SecondMoment { get; }

    public Tensor Working { get; }

    /// <summary>Master weights by name.</summary>
    public Dictionary<string, Tensor> Weights { get; } = [];

    /// <summary>Moments by checkpoint name.</summary>
    public Dictionary<string, Tensor> State { get; } = [];

    /// <summary>The copy that products read.</summary>
    public Tensor Product(string name) => _working[name];

    public Tensor Gradients(string name) => _gradients[name];

    private Tensor Part(Tensor flat, ParameterLayout.Entry e) => _stages.View(flat.narrow(0, e.Offset, e.Count).view(e.Shape));
}
