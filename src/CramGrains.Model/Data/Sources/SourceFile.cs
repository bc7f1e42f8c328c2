using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Sources;

/// <summary>One file that a source of the recipe resolves to.</summary>
/// <param name="Source">The source of the recipe.</param>
/// <param name="SourceIndex">Its place in the recipe.</param>
/// <param name="Path">Where the file is.</param>
/// <param name="Bytes">Its size.</param>
internal sealed record SourceFile(CorpusSource Source, int SourceIndex, string Path, long Bytes);
