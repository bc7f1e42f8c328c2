namespace CramGrains.Model.Data;

/// <summary>Where the preparation of a corpus stands.</summary>
/// <param name="Stage">What is being done, for people: <c>hashing sources</c>, <c>counting words</c>, <c>training vocabulary</c>, <c>encoding</c>, <c>ordering rows</c>, <c>waiting</c>.</param>
/// <param name="Fraction">Part of the stage that is done, in [0, 1].</param>
/// <param name="Bytes">Bytes of source read or of tokens written in this stage so far; 0 where that says nothing.</param>
/// <param name="BytesPerSecond">Those bytes by the time of the stage.</param>
public sealed record CorpusProgress(string Stage, double Fraction, long Bytes, double BytesPerSecond);
