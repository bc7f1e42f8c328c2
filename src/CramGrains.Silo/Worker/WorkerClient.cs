using System.Net.Sockets;
using System.Text.Json;

namespace CramGrains.Silo.Worker;

/// <summary>Talks HTTP to a worker over its Unix domain socket. An answer is a value; no answer is null.</summary>
internal sealed class WorkerClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly HttpRequestOptionsKey<string> PathKey = new("socket");

    private readonly HttpClient _client = new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancellationToken) =>
        {
            context.InitialRequestMessage.Options.TryGetValue(PathKey, out string? path);
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path!), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
        // Connections are cheap, and a pooled one could outlive its worker.
        PooledConnectionLifetime = TimeSpan.Zero,
    })
    {
        Timeout = Patience,
    };

    public async Task<WorkerStatus?> StatusAsync(string socket, CancellationToken cancellationToken)
    {
        using HttpResponseMessage? answer = await SendAsync(HttpMethod.Get, socket, "status", null, cancellationToken);
        try
        {
            return answer is { IsSuccessStatusCode: true } ? await answer.Content.ReadFromJsonAsync<WorkerStatus>(WorkerJson.Options, cancellationToken) : null;
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException or JsonException)
        {
            return null; // it died in mid-answer
        }
    }

    public async Task<bool> CommandAsync(string socket, string path, WorkerCommand command, CancellationToken cancellationToken)
    {
        using HttpResponseMessage? answer = await SendAsync(HttpMethod.Post, socket, path, command, cancellationToken);
        return answer is { IsSuccessStatusCode: true };
    }

    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage?> SendAsync(HttpMethod method, string socket, string path, WorkerCommand? body, CancellationToken cancellationToken)
    {
        if (!File.Exists(socket))
        {
            return null;
        }

        // The host name separates workers in the handler's pool of connections; nothing resolves it.
        using var request = new HttpRequestMessage(method, $"http://{Path.GetFileNameWithoutExtension(socket)}/{path}");
        request.Options.Set(PathKey, socket);
        request.Content = body is null ? null : JsonContent.Create(body, options: WorkerJson.Options);
        try
        {
            return await _client.SendAsync(request, cancellationToken);
        }
        catch (Exception problem) when (problem is HttpRequestException or IOException or SocketException
            || (problem is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }
}
