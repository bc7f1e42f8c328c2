using CramGrains.Model.Data;
using CramGrains.Model.Data.Downloads;

namespace CramGrains.Silo.Data;

/// <summary>Where text on the network comes from, as the environment says it for every program that knows the Hugging Face hub.</summary>
internal static class DownloadSettings
{
    /// <summary>Reads <c>HF_ENDPOINT</c> and <c>HF_TOKEN</c>.</summary>
    /// <exception cref="CorpusException">The endpoint is no HTTP(S) address.</exception>
    public static DownloadOptions FromEnvironment()
    {
        var options = new DownloadOptions { HubToken = Environment.GetEnvironmentVariable("HF_TOKEN") is { Length: > 0 } token ? token : null };
        return Environment.GetEnvironmentVariable("HF_ENDPOINT") switch
        {
            null or "" => options,
            var text when Uri.TryCreate(text, UriKind.Absolute, out var endpoint) && endpoint.Scheme is "http" or "https" => options with { HubEndpoint = endpoint },
            var text => throw new CorpusException($"HF_ENDPOINT is '{text}', expected an HTTP(S) address such as https://huggingface.co."),
        };
    }
}
