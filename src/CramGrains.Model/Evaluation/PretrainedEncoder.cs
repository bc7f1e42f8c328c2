using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Evaluation;

/// <summary>A pretrained encoder, wherever it came from, as the GLUE protocol takes it.</summary>
/// <param name="Name">Name for people.</param>
/// <param name="Architecture">Its shape.</param>
/// <param name="Weights">By state-dict name, only read; null is the untrained model, a baseline.</param>
/// <param name="TextEncoder">Its vocabulary.</param>
/// <param name="PairSeparators">Separators between the sentences of a pair: one for BERT and ours, two for RoBERTa.</param>
/// <param name="Identity">Changes with the weights, so that scores of one model are not taken for another's.</param>
public sealed record PretrainedEncoder(
    string Name, ArchitectureRecipe Architecture, IReadOnlyDictionary<string, Tensor>? Weights, ITextEncoder TextEncoder, int PairSeparators = 1, string Identity = "");
