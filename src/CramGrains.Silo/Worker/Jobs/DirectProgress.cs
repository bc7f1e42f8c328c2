namespace CramGrains.Silo.Worker.Jobs;

/// <summary>Calls its handler at once, on the caller's thread; <see cref="Progress{T}"/> would post to the pool and lose the order.</summary>
internal sealed class DirectProgress<T>(Action<T> handler) : IProgress<T>
{
    public void Report(T value) => handler(value);
}
