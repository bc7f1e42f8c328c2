using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;

namespace CramGrains.Model.Data.Downloads;

/// <summary>Fetches files over HTTP(S) into the cache: goes on where a connection broke off, waits where a server asks for it, and takes nothing for whole that is not.</summary>
internal sealed class Downloader(DownloadOptions options) : IDisposable
{
    private const int MaximumRedirects = 10;

    // Redirects are followed here: the hub names the checksum on the way, and its token must not travel on.
    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, AutomaticDecompression = DecompressionMethods.None, ConnectTimeout = options.StallTimeout,
    })
    { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>The file of an address, from the cache if it is there; no request is made then.</summary>
    /// <param name="address">HTTP(S).</param>
    /// <param name="sha256">What its content must be, hexadecimal; null takes what comes.</param>
    /// <param name="report">Told of bytes that are there: so many more (fewer where it starts over), of so many in all where that is known.</param>
    /// <param name="cancellationToken">Stops; what arrived is kept for the next time.</param>
    /// <exception cref="CorpusException">It cannot be fetched, or is not what it must be.</exception>
    public string Fetch(Uri address, string? sha256, Action<long, long?> report, CancellationToken cancellationToken)
    {
        var cache = new DownloadCache(options.CacheFolder ?? throw new CorpusException($"{address}: there is no cache folder to fetch it into."), address);
        if (Cached(cache, sha256) is { } found)
        {
            return found;
        }

        using var turn = cache.Lock(() => { }, cancellationToken);
        return Cached(cache, sha256) ?? FetchAsync(cache, sha256, report, cancellationToken).GetAwaiter().GetResult();
    }

    public void Dispose() => _client.Dispose();

    private static string? Cached(DownloadCache cache, string? sha256) =>
        cache.Find() is not { } found ? null
        : sha256 is null || string.Equals(sha256, found.Entry.Sha256, StringComparison.OrdinalIgnoreCase) ? found.Path
        : throw new CorpusException($"{cache.Address}: the cache holds it with SHA-256 {found.Entry.Sha256}, expected {sha256}. Correct the recipe's sha256, or delete '{found.Path}'.");

    private async Task<string> FetchAsync(DownloadCache cache, string? sha256, Action<long, long?> report, CancellationToken cancellationToken)
    {
        var told = 0L;
        void Arrived(long bytes, long? total)
        {
            report(bytes - told, total);
            told = bytes;
        }

        for (int failures = 0, mismatches = 0; ;)
        {
            var before = cache.Partial()?.Bytes ?? 0;
            var outcome = await TryAsync(cache, Arrived, cancellationToken);
            if (outcome.Problem is null)
            {
                var found = Sha256(cache.PartialFile);
                var expected = sha256 ?? outcome.Sha256;
                if (expected is null || string.Equals(found, expected, StringComparison.OrdinalIgnoreCase))
                {
                    return cache.Complete(found, outcome.EntityTag);
                }

                // Once may be a transfer gone wrong in a way that lengths do not show; twice is another file.
                cache.DropPartial();
                outcome = outcome with { Problem = $"its SHA-256 is {found}, expected {expected}", IsFinal = ++mismatches > 1 };
            }

            failures = (cache.Partial()?.Bytes ?? 0) > before ? 1 : failures + 1;
            if (outcome.IsFinal || failures >= options.Attempts)
            {
                throw new CorpusException($"{cache.Address}: {outcome.Problem}{(outcome.IsFinal ? "" : $"; gave up after {failures} tries that brought nothing")}. {outcome.Advice}");
            }

            var delay = outcome.RetryAfter ?? TimeSpan.FromTicks(options.FirstDelay.Ticks << Math.Min(failures - 1, 20));
            await Task.Delay(delay < options.LongestDelay ? delay : options.LongestDelay, options.Time, cancellationToken);
        }
    }

    private async Task<Outcome> TryAsync(DownloadCache cache, Action<long, long?> arrived, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var partial = cache.Partial();
            stall.CancelAfter(options.StallTimeout);
            var (response, linkedSha256) = await SendAsync(cache.Address, partial, stall.Token);
            using (response)
            {
                return await ReceiveAsync(cache, response, partial, linkedSha256, arrived, stall);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new Outcome($"nothing came for {options.StallTimeout.TotalSeconds:0.#} s", Advice: "Check the connection and prepare again; what arrived is kept.");
        }
        catch (Exception problem) when (problem is HttpRequestException or HttpIOException)
        {
            return new Outcome($"the connection failed: {problem.InnerException?.Message ?? problem.Message}", Advice: "Check address and connection and prepare again; what arrived is kept.");
        }
    }

    private async Task<(HttpResponseMessage Response, string? LinkedSha256)> SendAsync(Uri address, (long Bytes, string Tag)? partial, CancellationToken cancellationToken)
    {
        string? linked = null;
        for (var hop = 0; ; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("cramgrains", null));
            if (options.HubToken is { Length: > 0 } token && Uri.Compare(address, options.HubEndpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0)
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            if (partial is { Bytes: > 0 } known)
            {
                request.Headers.Range = new RangeHeaderValue(known.Bytes, null);
                request.Headers.TryAddWithoutValidation("If-Range", known.Tag);
            }

            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            linked ??= Sha256Tag(response, "X-Linked-Etag");
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
            {
                return (response, linked);
            }

            response.Dispose();
            var next = new Uri(address, location);
            if (hop == MaximumRedirects || (address.Scheme == "https" && next.Scheme != "https") || next.Scheme is not ("http" or "https"))
            {
                throw new CorpusException($"{address}: sends on to {next}, which is {(hop == MaximumRedirects ? "one redirect too many" : "not as safe")}. Give the final address.");
            }

            address = next;
        }
    }

    private async Task<Outcome> ReceiveAsync(
        DownloadCache cache, HttpResponseMessage response, (long Bytes, string Tag)? partial, string? linkedSha256, Action<long, long?> arrived, CancellationTokenSource stall)
    {
        var start = 0L;
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent when partial is { } before && IsOtherVersion(response, before.Tag):
                cache.DropPartial();
                return new Outcome("the server has another version than the part that came before", Advice: "Try again.");
            case HttpStatusCode.PartialContent when partial is { } known && response.Content.Headers.ContentRange?.From == known.Bytes:
                start = known.Bytes;
                break;
            case HttpStatusCode.OK:
                break;
            case HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable:
                if (partial is { } whole && response.Content.Headers.ContentRange?.Length == whole.Bytes && response.StatusCode != HttpStatusCode.PartialContent)
                {
                    return new Outcome(null, whole.Tag, linkedSha256);
                }

                // Not the part that was asked for.
                cache.DropPartial();
                return new Outcome("the server answers with another part than was asked for", Advice: "Try again later.");
            default:
                return Refusal(response);
        }

        var total = start > 0 ? response.Content.Headers.ContentRange?.Length : response.Content.Headers.ContentLength;
        var tag = response.Headers.ETag is { IsWeak: false } strong ? strong.Tag : response.Content.Headers.LastModified?.ToString("R");
        var received = start;
        await using (var file = start > 0 ? cache.ContinuePartial() : cache.StartPartial(tag))
        {
            arrived(start, total);
            await using var body = await response.Content.ReadAsStreamAsync(stall.Token);
            var buffer = new byte[1 << 17];
            while (true)
            {
                stall.CancelAfter(options.StallTimeout);
                var read = await ReadAsync(body, buffer, stall.Token);
                if (read == 0)
                {
                    break;
                }

                // Not cancelled in the middle: the partial file must end where its length says.
                await file.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
                received += read;
                arrived(received, total);
            }
        }

        return total is { } promised && received != promised
            ? new Outcome($"{received} bytes came, {promised} were promised", Advice: "Try again; what arrived is kept.")
            : new Outcome(null, tag, linkedSha256 ?? Sha256Tag(response, "ETag"));
    }

    /// <summary>A connection that is reset shows as an error of input and output like the disk's, which trying again does not mend.</summary>
    private static async Task<int> ReadAsync(Stream body, byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await body.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException problem) when (problem is not HttpIOException)
        {
            throw new HttpRequestException(problem.Message, problem);
        }
    }

    /// <summary>Whether a part is of another version than the bytes that are here: If-Range should have seen to that, and is not known everywhere.</summary>
    private static bool IsOtherVersion(HttpResponseMessage response, string tag)
    {
        var now = tag.StartsWith('"') ? response.Headers.ETag?.Tag : response.Content.Headers.LastModified?.ToString("R");
        return now is not null && now != tag;
    }

    private static Outcome Refusal(HttpResponseMessage response)
    {
        var (status, hint) = ((int)response.StatusCode, $"the server answers {(int)response.StatusCode} {response.ReasonPhrase}");
        var wait = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - DateTimeOffset.UtcNow is { Ticks: > 0 } left ? left : TimeSpan.Zero,
            _ => (TimeSpan?)null,
        };
        return status switch
        {
            401 or 403 => new Outcome(hint, IsFinal: true, Advice: "A private or gated data set of the hub needs HF_TOKEN, and its terms accepted on its page."),
            404 or 410 => new Outcome(hint, IsFinal: true, Advice: "Check the address or the data set's name."),
            408 or 425 or 429 or >= 500 => new Outcome(hint, RetryAfter: wait, Advice: "Try again later; what arrived is kept."),
            _ => new Outcome(hint, IsFinal: true, Advice: "Check the address."),
        };
    }

    // The hub tags large files with the SHA-256 of their content.
    private static string? Sha256Tag(HttpResponseMessage response, string header) =>
        response.Headers.TryGetValues(header, out var values) && values.First().Trim('"') is { Length: 64 } tag && tag.All(char.IsAsciiHexDigit) ? tag : null;

    private static string Sha256(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private sealed record Outcome(string? Problem, string? EntityTag = null, string? Sha256 = null, TimeSpan? RetryAfter = null, bool IsFinal = false, string Advice = "");
}
