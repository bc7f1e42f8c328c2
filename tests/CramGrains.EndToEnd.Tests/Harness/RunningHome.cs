namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>A home whose silo runs, shared by the tests of a class: starting one takes seconds.</summary>
public sealed class RunningHome : IAsyncLifetime
{
    internal Home Home { get; } = new();

    /// <inheritdoc />
    public async ValueTask InitializeAsync() => (await Home.CramAsync("up")).Expect(0);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => Home.DisposeAsync();
}
