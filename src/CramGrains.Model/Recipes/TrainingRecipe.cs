using System.Text.Json.Serialization;

namespace CramGrains.Model.Recipes;

/// <summary>Objective, optimizer, schedule and batch of the pretraining.</summary>
/// <param name="MaskFraction">Fraction of each microbatch's positions that is masked, in (0, 1).</param>
/// <param name="MicrobatchSize">Rows per forward pass (B).</param>
/// <param name="BatchSize">Rows per optimizer step at full size, a multiple of <paramref name="MicrobatchSize"/>.</param>
/// <param name="BatchRampFraction">The batch grows linearly from one microbatch to full size over this fraction of the budget; 0 starts at full size.</param>
/// <param name="Optimizer">The optimizer.</param>
/// <param name="Schedule">The learning-rate schedule.</param>
/// <param name="GradientClipNorm">Global gradient norm above which gradients are scaled down; 0 does not clip.</param>
/// <param name="MaskFractionEnd">When given, the mask fraction falls linearly from <paramref name="MaskFraction"/> to this over the budget.</param>
/// <param name="Masking">What replaces a masked token.</param>
/// <param name="Precision">Arithmetic of the forward and backward pass.</param>
/// <param name="ZLoss">Weight of the squared log-partition penalty; 0 is none.</param>
/// <param name="BatchRampSteps">Instead of <paramref name="BatchRampFraction"/>, which is 0 then: the batch grows over this many microbatch steps.</param>
/// <param name="BatchSizeStart">Rows per optimizer step at the ramp's start, a multiple of <paramref name="MicrobatchSize"/>; null starts with one microbatch. Muon's
/// step costs the same whatever the batch, so it wants 2,048 rows of 128 tokens or more.</param>
public sealed record TrainingRecipe(
    double MaskFraction,
    int MicrobatchSize,
    int BatchSize,
    double BatchRampFraction,
    OptimizerRecipe Optimizer,
    ScheduleRecipe Schedule,
    double GradientClipNorm,
    double? MaskFractionEnd = null,
    MaskingKind Masking = MaskingKind.EightyTenTen,
    PrecisionKind Precision = PrecisionKind.Auto,
    double ZLoss = 0,
    long? BatchRampSteps = null,
    int? BatchSizeStart = null);

/// <summary>The optimizer. Decay applies to matrices and embeddings, never to norms, biases or the position scale.</summary>
/// <param name="Kind">Which optimizer.</param>
/// <param name="LearningRate">Peak learning rate; with Muon, that of embeddings, norms and scalars.</param>
/// <param name="Beta1">First-moment decay.</param>
/// <param name="Beta2">Second-moment decay.</param>
/// <param name="Epsilon">Denominator epsilon.</param>
/// <param name="WeightDecay">Decoupled weight decay.</param>
/// <param name="MuonLearningRate">Peak learning rate of hidden matrices under Muon and NorMuon; needed for them, refused otherwise.</param>
/// <param name="MuonMomentum">Muon's momentum.</param>
/// <param name="MuonWeightDecay">Decoupled weight decay of hidden matrices under Muon.</param>
/// <param name="MuonMomentumStart">Muon's momentum at the first step, from which it rises linearly; null starts with <paramref name="MuonMomentum"/>.</param>
/// <param name="MuonMomentumSteps">Optimizer steps over which the momentum rises; goes with <paramref name="MuonMomentumStart"/>.</param>
/// <param name="MuonCautiousDecay">Hidden matrices decay only where the update and the weight agree in sign, so that decay never works against the update (arXiv:2510.12402).</param>
/// <param name="MuonDecayFollowsSchedule">The decay of hidden matrices is multiplied by the schedule once more than by the learning rate alone, so it falls with it.</param>
/// <param name="NorMuonBeta2">NorMuon's decay of each row's second moment; null means <see cref="DefaultNorMuonBeta2"/>.</param>
/// <param name="ScalarLearningRate">Peak learning rate of the residual scalars, which AdamW steps without decay; null means <paramref name="LearningRate"/>.</param>
public sealed record OptimizerRecipe(
    OptimizerKind Kind,
    double LearningRate,
    double Beta1,
    double Beta2,
    double Epsilon,
    double WeightDecay,
    double? MuonLearningRate = null,
    double MuonMomentum = 0.95,
    double MuonWeightDecay = 0.01,
    double? MuonMomentumStart = null,
    int? MuonMomentumSteps = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool MuonCautiousDecay = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool MuonDecayFollowsSchedule = false,
    double? NorMuonBeta2 = null,
    double? ScalarLearningRate = null)
{
    /// <summary>What the authors of NorMuon use (arXiv:2510.05491).</summary>
    public const double DefaultNorMuonBeta2 = 0.95;

    /// <summary>Hidden matrices have an optimizer of their own, whose steps are orthogonal.</summary>
    [JsonIgnore]
    public bool UsesMuon => Kind is OptimizerKind.Muon or OptimizerKind.NorMuon;
}

/// <summary>The learning-rate schedule, a pure function of the fraction of the budget that is used up.</summary>
/// <param name="Kind">Shape.</param>
/// <param name="WarmupFraction">Fraction of the budget over which shapes that have a warm-up rise from zero.</param>
/// <param name="CooldownFraction">Fraction of the budget over which shapes that have a cool-down fall to zero.</param>
/// <param name="Steps">Ties the schedule to this many microbatch steps instead of the budget (the paper's un-budgeted baselines).</param>
public sealed record ScheduleRecipe(ScheduleKind Kind, double WarmupFraction = 0, double CooldownFraction = 0, long? Steps = null);

/// <summary>Optimizers.</summary>
public enum OptimizerKind
{
    /// <summary>AdamW with decoupled decay.</summary>
    AdamW = 1,

    /// <summary>Muon on hidden matrices, AdamW on the rest.</summary>
    Muon = 2,

    /// <summary>As Muon, each row of an update divided by the root of its running second moment.</summary>
    NorMuon = 3,
}

/// <summary>What replaces a masked token.</summary>
public enum MaskingKind
{
    /// <summary>80 % [MASK], 10 % a random word, 10 % unchanged, by position count.</summary>
    EightyTenTen = 1,

    /// <summary>Always [MASK].</summary>
    AllMask = 2,
}

/// <summary>Arithmetic of the forward and backward pass; master weights, statistics, optimizer state and loss are always float32.</summary>
public enum PrecisionKind
{
    /// <summary>float32 on the CPU, bfloat16 on a GPU that has it, float16 on an older one.</summary>
    Auto = 1,

    /// <summary>float32.</summary>
    Float32 = 2,

    /// <summary>bfloat16 matrix products and activations.</summary>
    Bfloat16 = 3,

    /// <summary>bfloat16 with FP8 matrix products where the fast engine has them.</summary>
    Float8 = 4,

    /// <summary>float16 matrix products and activations, with the loss scaled; for GPUs without bfloat16.</summary>
    Float16 = 5,
}

/// <summary>Learning-rate shapes (the reference's budget-tied names; formulas with each in the schedule's source).</summary>
public enum ScheduleKind
{
    /// <summary>min(.25 + x, 4 - 4x): the paper's final one.</summary>
    Triangle2 = 1,

    /// <summary>min(.5 + (2/3)x, 4 - 4x).</summary>
    Triangle1 = 2,

    /// <summary>2x to the middle, then 2 - 2x.</summary>
    OneCycle = 3,

    /// <summary>One, with linear warm-up and cool-down (trapezoid).</summary>
    Constant = 4,

    /// <summary>Linear to zero after the warm-up.</summary>
    Linear = 5,

    /// <summary>Half a cosine to zero after the warm-up.</summary>
    Cosine = 6,

    /// <summary>Four cosine cycles after the warm-up.</summary>
    CosineAnnealing = 7,

    /// <summary>Inverse square root after the warm-up, with a linear cool-down.</summary>
    InverseSqrt = 8,

    /// <summary>Eight one-cycles.</summary>
    MultiCycle = 9,

    /// <summary>Rising linearly, with a linear cool-down.</summary>
    Ramp = 10,

    /// <summary>Rising half cosine, with a linear cool-down.</summary>
    InverseCosine = 11,

    /// <summary>min(1, 2 - 2x).</summary>
    Dive = 12,

    /// <summary>min(1, (4/3)(1 - x)).</summary>
    DiveSlow = 13,

    /// <summary>min(1, 4 - 4x).</summary>
    DiveFast = 14,

    /// <summary>1 - x after the warm-up.</summary>
    Polynomial = 15,
}
