using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Runs;

namespace CramGrains.Silo.Data;

/// <summary>Durable state of a corpus.</summary>
internal sealed class CorpusRecord
{
    public CorpusState State { get; set; }

    /// <summary>The request under which it is being prepared.</summary>
    public CorpusOrder? Order { get; set; }

    public AttemptRecord Attempt { get; set; } = new();

    /// <summary>Runs that have asked; those know how the last preparation ended.</summary>
    public HashSet<string> AskedBy { get; set; } = [];

    public TerminationReason Reason { get; set; }

    public string Message { get; set; } = "";

    /// <summary>Content address, once ready; two requests may come to the same content.</summary>
    public string? Digest { get; set; }

    public long? Tokens { get; set; }

    public List<string> Notices { get; set; } = [];
}
