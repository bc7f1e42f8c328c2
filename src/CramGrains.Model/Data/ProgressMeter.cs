namespace CramGrains.Model.Data;

/// <summary>Turns amounts of bytes into at most four reports a second.</summary>
internal sealed class ProgressMeter(string stage, long totalBytes, IProgress<CorpusProgress>? progress, TimeProvider time)
{
    private readonly long _started = time.GetTimestamp();
    private long _lastReport = time.GetTimestamp();
    private long _bytes;

    public void Add(long bytes)
    {
        _bytes += bytes;
        if (progress is not null && time.GetElapsedTime(_lastReport) >= TimeSpan.FromMilliseconds(250))
        {
            // Only Complete says that all is done, and says it once.
            Report(totalBytes == 0 ? 0 : Math.Min(Math.BitDecrement(1), (double)_bytes / totalBytes));
        }
    }

    public void Complete() => Report(1);

    public void Report(double fraction)
    {
        _lastReport = time.GetTimestamp();
        var seconds = time.GetElapsedTime(_started, _lastReport).TotalSeconds;
        progress?.Report(new CorpusProgress(stage, fraction, _bytes, seconds > 0 ? _bytes / seconds : 0));
    }
}
