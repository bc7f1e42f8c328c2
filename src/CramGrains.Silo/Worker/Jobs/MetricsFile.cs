namespace CramGrains.Silo.Worker.Jobs;

/// <summary>A run's <c>metrics.jsonl</c>: one JSON object a line, appended by every attempt.</summary>
internal static class MetricsFile
{
    /// <summary>Opens it behind what is there; each line is handed to the system at once.</summary>
    /// <param name="runFolder">The run's folder.</param>
    public static StreamWriter Append(string runFolder)
    {
        var file = new FileStream(Path.Combine(runFolder, "metrics.jsonl"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        bool isTorn = file.Length > 0 && file.Seek(-1, SeekOrigin.End) >= 0 && file.ReadByte() != '\n';
        file.Seek(0, SeekOrigin.End);
        var lines = new StreamWriter(file) { AutoFlush = true };
        if (isTorn)
        {
            lines.WriteLine(); // a power cut or a full disk left half a line, which must not take the next one with it
        }

        return lines;
    }
}
