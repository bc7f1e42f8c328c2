namespace CramGrains.Model.Data.Downloads;

/// <summary>How text on the network is fetched. Whoever makes these reads the environment; this library does not.</summary>
public sealed record DownloadOptions
{
    /// <summary>Where fetched files are kept, for ever, by address; null refuses sources on the network.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>The hub that serves data sets by name, or a mirror of it.</summary>
    public Uri HubEndpoint { get; init; } = new("https://huggingface.co");

    /// <summary>Sent to the hub alone, never to the addresses that it sends on to; null for public data sets.</summary>
    public string? HubToken { get; init; }

    /// <summary>Tries in a row that bring nothing before a download is given up; one that brought bytes starts the count anew.</summary>
    public int Attempts { get; init; } = 8;

    /// <summary>A connection that brings nothing for this long is given up and tried again.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Wait before the second try; it doubles from try to try.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Longest wait between tries, also where a server asks for more.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Clock that waits run on.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Without the token, which must not reach a log.</summary>
    public override string ToString() => $"downloads from {HubEndpoint} into {CacheFolder}";
}
