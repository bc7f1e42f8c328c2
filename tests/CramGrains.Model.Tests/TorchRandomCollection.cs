namespace CramGrains.Model.Tests;

/// <summary>Tests that draw from torch's generator of the whole process; nothing runs beside them.</summary>
[CollectionDefinition(nameof(TorchRandomCollection), DisableParallelization = true)]
public sealed class TorchRandomCollection;
