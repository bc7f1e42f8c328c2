using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using CramGrains.Interfaces.Access;
using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>A machine could not give what it was asked for, or gave something else; another may do better.</summary>
internal sealed class ArtefactException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Fetches artefacts from other machines: goes on where a broken transfer stopped, and takes nothing for whole before every byte is checked.</summary>
/// <param name="certificates">Null without TLS.</param>
/// <param name="token">Null where none is asked for.</param>
internal sealed class ArtefactFetcher(ClusterCertificates? certificates, AccessToken? token) : IDisposable
{
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(30);
    private const int BufferBytes = 1 << 20;

    private readonly HttpClient _client = Client(certificates, token);
    private readonly string _scheme = certificates is null ? "http" : "https";

    /// <summary>Brings an artefact, or some of its files, to a folder that appears whole or not at all.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="name">Which one.</param>
    /// <param name="digest">What its content must be.</param>
    /// <param name="address">HOST:PORT of the machine that has it.</param>
    /// <param name="incoming">Folder that keeps what has arrived until all has; kept when this fails.</param>
    /// <param name="target">The folder to make; must not exist.</param>
    /// <param name="wanted">Which files; null for all.</param>
    /// <param name="received">Told of bytes received and bytes in all.</param>
    /// <param name="cancellationToken">Stops; what has arrived stays for the next time.</param>
    /// <exception cref="ArtefactException">The machine does not answer, has not got it, or gave other bytes.</exception>
    /// <exception cref="IOException">This machine's disk refuses.</exception>
    public async Task FetchAsync(
        ArtefactKind kind, string name, string digest, string address, string incoming, string target, Func<ArtefactFile, bool>? wanted,
        Action<long, long> received, CancellationToken cancellationToken)
    {
        ArtefactManifest manifest = await ManifestAsync(kind, name, digest, address, cancellationToken);
        IReadOnlyList<ArtefactFile> files = [.. manifest.Files.Where(file => wanted?.Invoke(file) ?? true)];
        long total = files.Sum(file => file.Bytes), before = 0;
        Directory.CreateDirectory(incoming);
        foreach (ArtefactFile file in files)
        {
            string path = Path.Combine(incoming, file.Name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            long done = before;
            await BringAsync(new Uri($"{_scheme}://{address}/{ArtefactEndpoints.FilePath(kind, name, file.Name)}"), file, path, bytes => received(done + bytes, total), cancellationToken);
            before += file.Bytes;
            received(before, total);
        }

        // Files of an earlier try for another set of files are none of this artefact.
        var listed = files.Select(file => Path.GetFullPath(Path.Combine(incoming, file.Name))).ToHashSet();
        foreach (string stray in Directory.EnumerateFiles(incoming, "*", SearchOption.AllDirectories).Where(path => !listed.Contains(Path.GetFullPath(path))).ToList())
        {
            File.Delete(stray);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        Directory.Move(incoming, target);
        Model.Checkpoints.DurableFiles.FlushFolder(Path.GetDirectoryName(target)!);
    }

    public void Dispose() => _client.Dispose();

    private async Task<ArtefactManifest> ManifestAsync(ArtefactKind kind, string name, string digest, string address, CancellationToken cancellationToken)
    {
        ArtefactManifest? manifest;
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(Stall);
            manifest = await _client.GetFromJsonAsync<ArtefactManifest>(new Uri($"{_scheme}://{address}/{ArtefactEndpoints.ManifestPath(kind, name)}"), WorkerJson.Options, limit.Token);
        }
        catch (Exception problem) when (problem is HttpRequestException or JsonException || (problem is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new ArtefactException($"{address} does not give {name}: {problem.Message}", problem);
        }

        return manifest is null ? throw new ArtefactException($"{address} gives an empty manifest of {name}")
            : manifest.FindProblem() is { } bad ? throw new ArtefactException($"{address} gives a manifest of {name} that cannot be: {bad}")
            : manifest.Digest() != digest ? throw new ArtefactException($"{address} has another {name}: its digest is {manifest.Digest()[..12]}, expected {digest[..12]}")
            : manifest;
    }

    private async Task BringAsync(Uri source, ArtefactFile file, string path, Action<long> received, CancellationToken cancellationToken)
    {
        var here = new FileInfo(path);
        if (here.Exists && here.Length == file.Bytes && await HashAsync(path, cancellationToken) == file.Sha256)
        {
            return;
        }

        if (here.Exists && here.Length >= file.Bytes)
        {
            here.Delete();
        }

        long from = here.Exists && here.Length < file.Bytes ? here.Length : 0;
        try
        {
            await ReceiveAsync(source, from, file, path, received, cancellationToken);
        }
        catch (Exception problem) when (problem is HttpRequestException || (problem is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new ArtefactException($"{source.Authority}: {file.Name} broke off: {problem.Message}", problem);
        }

        string arrived = await HashAsync(path, cancellationToken);
        if (arrived != file.Sha256)
        {
            File.Delete(path); // whichever part is wrong, none of it can be told from the rest
            throw new ArtefactException($"{source.Authority}: {file.Name} arrived with checksum {arrived[..12]}, expected {file.Sha256[..12]}");
        }
    }

    private async Task ReceiveAsync(Uri source, long from, ArtefactFile file, string path, Action<long> received, CancellationToken cancellationToken)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        stall.CancelAfter(Stall);
        using var request = new HttpRequestMessage(HttpMethod.Get, source);
        if (from > 0)
        {
            request.Headers.Range = new RangeHeaderValue(from, null);
        }

        using HttpResponseMessage response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stall.Token);
        response.EnsureSuccessStatusCode();
        bool goesOn = from > 0 && response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == from;
        long done = goesOn ? from : 0;
        await using Stream content = await response.Content.ReadAsStreamAsync(stall.Token);
        await using var target = new FileStream(path, goesOn ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        byte[] buffer = new byte[BufferBytes];
        while (true)
        {
            stall.CancelAfter(Stall);
            int read = await ReadAsync(content, buffer, source, file, stall.Token);
            if (read == 0)
            {
                break;
            }

            if ((done += read) > file.Bytes)
            {
                throw new HttpRequestException($"more bytes than the {file.Bytes} that its manifest says");
            }

            await target.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
            received(done);
        }

        target.Flush(flushToDisk: true);
    }

    /// <summary>The network's errors are the other machine's; the disk's, which look alike, are this one's and mean something else.</summary>
    private static async Task<int> ReadAsync(Stream content, byte[] buffer, Uri source, ArtefactFile file, CancellationToken cancellationToken)
    {
        try
        {
            return await content.ReadAsync(buffer, cancellationToken);
        }
        catch (IOException problem)
        {
            throw new ArtefactException($"{source.Authority}: {file.Name} broke off: {problem.Message}", problem);
        }
    }

    private static async Task<string> HashAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes, FileOptions.SequentialScan | FileOptions.Asynchronous);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken));
    }

    private static HttpClient Client(ClusterCertificates? certificates, AccessToken? token)
    {
        var client = new HttpClient(certificates?.HttpHandler() ?? new SocketsHttpHandler()) { Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        }

        return client;
    }
}
