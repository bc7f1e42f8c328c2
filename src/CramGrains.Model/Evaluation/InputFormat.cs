namespace CramGrains.Model.Evaluation;

/// <summary>How one or two sentences become an input.</summary>
/// <param name="MaximumLength">Tokens of an input, special tokens included; what is longer is cut.</param>
/// <param name="SinglesAsPairs">Encodes a single sentence as a pair with an empty second one, as the reference does.</param>
/// <param name="PairSeparators">Separators between the two sentences of a pair: one for BERT, two for RoBERTa.</param>
/// <param name="Segments">Whether the model tells the two sentences apart by a table of segments.</param>
internal sealed record InputFormat(int MaximumLength, bool SinglesAsPairs = false, int PairSeparators = 1, bool Segments = false);
