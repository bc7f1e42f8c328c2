namespace CramGrains.Model.Tests.Training;

/// <summary>The garbage collector at its most eager, which shows what nobody holds while libtorch reads it.</summary>
internal static class BusyCollector
{
    /// <summary>Does something while another thread collects and finalizes without a pause.</summary>
    public static T During<T>(Func<T> work)
    {
        using var done = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            return work();
        }
        finally
        {
            done.Cancel();
            collector.Join();
        }
    }
}
