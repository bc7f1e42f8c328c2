namespace CramGrains.Model.Data;

/// <summary>Maps a sequence on several threads, gives the results in order, and holds only a few of them at a time.</summary>
internal static class OrderedParallel
{
    public static IEnumerable<TResult> Select<T, TResult>(IEnumerable<T> source, Func<T, TResult> map, int threads, CancellationToken cancellationToken)
    {
        var running = new Queue<Task<TResult>>();
        try
        {
            foreach (var item in source)
            {
                cancellationToken.ThrowIfCancellationRequested();
                running.Enqueue(Task.Run(() => map(item), cancellationToken));
                if (running.Count > 2 * threads)
                {
                    yield return running.Dequeue().GetAwaiter().GetResult();
                }
            }

            while (running.TryDequeue(out var next))
            {
                yield return next.GetAwaiter().GetResult();
            }
        }
        finally
        {
            // Left early: what still runs must not outlive the files and buffers that it uses.
            Task.WhenAll(running).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).GetAwaiter().GetResult();
        }
    }
}
