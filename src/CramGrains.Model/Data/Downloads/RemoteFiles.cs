using System.Text.Json;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Data.Downloads;

/// <summary>The files of sources that lie on the network, fetched on demand.</summary>
internal sealed class RemoteFiles(DownloadOptions options, IProgress<CorpusProgress>? progress, CancellationToken cancellationToken) : IDisposable
{
    private readonly Downloader _downloader = new(options);

    /// <summary>The file of an address.</summary>
    public string Address(CorpusSource source) => Fetch(new Uri(source.Path!), source.Sha256);

    /// <summary>The Parquet files of one split of a data set of the hub, in the hub's order.</summary>
    /// <exception cref="CorpusException">There is no such data set, configuration or split.</exception>
    public IReadOnlyList<string> Dataset(CorpusSource source)
    {
        var listing = Fetch(new Uri(options.HubEndpoint, $"/api/datasets/{source.Path}/parquet"), null);
        try
        {
            var configurations = JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, string[]>>>(File.ReadAllText(listing))!;
            var configuration = Choose(configurations, source.Config ?? (configurations.Count == 1 ? configurations.Keys.First() : "default"), source, "configuration", "config");
            var addresses = Choose(configuration, source.Split ?? "train", source, "split", "split");
            return addresses.Length > 0
                ? [.. addresses.Select(address => Fetch(OnEndpoint(address), null))]
                : throw new CorpusException($"hugging-face '{source.Path}': the split holds no Parquet file.");
        }
        catch (Exception problem) when (problem is JsonException or UriFormatException)
        {
            throw new CorpusException($"{options.HubEndpoint}: its list of files of '{source.Path}' is not what a hub answers: {problem.Message} Check HF_ENDPOINT, and delete '{listing}'.", problem);
        }
    }

    public void Dispose() => _downloader.Dispose();

    private static T Choose<T>(Dictionary<string, T> choices, string name, CorpusSource source, string what, string key) => choices.TryGetValue(name, out var choice)
        ? choice
        : throw new CorpusException($"hugging-face '{source.Path}': no {what} '{name}'; it has {string.Join(", ", choices.Keys.Take(30))}. Set '{key}' of the source to one of them.");

    // A mirror passes on the hub's own addresses.
    private Uri OnEndpoint(string address)
    {
        const string Hub = "https://huggingface.co/";
        return address.StartsWith(Hub, StringComparison.Ordinal) ? new Uri(options.HubEndpoint, "/" + address[Hub.Length..]) : new Uri(address);
    }

    private string Fetch(Uri address, string? sha256)
    {
        ProgressMeter? meter = null;
        var path = _downloader.Fetch(address, sha256, (bytes, total) =>
        {
            meter ??= new ProgressMeter("downloading", total ?? 0, progress, options.Time);
            meter.Add(bytes);
        }, cancellationToken);
        meter?.Complete();
        return path;
    }
}
