using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CramGrains.Model.Tests.Data;

/// <summary>A real HTTP/1.1 server on the loopback interface that can do what servers and networks do wrong. Each answer is written byte by byte, so that it may be false.</summary>
internal sealed class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<LoopbackRequest, LoopbackAnswer> _answer;
    private readonly Task _accepting;
    private readonly List<LoopbackRequest> _requests = [];

    public LoopbackServer(Func<LoopbackRequest, LoopbackAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public IReadOnlyList<LoopbackRequest> Requests
    {
        get
        {
            lock (_requests)
            {
                return [.. _requests];
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
            }
        }
        catch (Exception problem) when (problem is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                var stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                var first = (await reader.ReadLineAsync(_stop.Token) ?? "").Split(' ');
                var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
                {
                    var colon = line.IndexOf(':', StringComparison.Ordinal);
                    headers[line[..colon]] = line[(colon + 1)..].Trim();
                }

                if (first.Length < 2)
                {
                    return;
                }

                LoopbackAnswer answer;
                lock (_requests)
                {
                    var request = new LoopbackRequest(first[1], headers, _requests.Count(earlier => earlier.Path == first[1]));
                    _requests.Add(request);
                    answer = _answer(request);
                }

                await WriteAsync(stream, answer);
                if (answer.Resets)
                {
                    client.Client.Close(0); // as it stands, without a FIN
                }
            }
        }
        catch (Exception problem) when (problem is IOException or OperationCanceledException or SocketException)
        {
            // The client went away, or the test ended.
        }
    }

    private async Task WriteAsync(NetworkStream stream, LoopbackAnswer answer)
    {
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} Told\r\nConnection: close\r\n");
        foreach (var (name, value) in answer.Headers)
        {
            head.Append($"{name}: {value}\r\n");
        }

        if (answer.ContentLength is { } length)
        {
            head.Append($"Content-Length: {length}\r\n");
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        await stream.WriteAsync(answer.Body, _stop.Token);
        await stream.FlushAsync(_stop.Token);
        if (answer.Stalls)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, _stop.Token);
        }
    }
}

/// <param name="Path">Path and query.</param>
/// <param name="Headers">By name.</param>
/// <param name="Earlier">How many requests for this path came before.</param>
internal sealed record LoopbackRequest(string Path, IReadOnlyDictionary<string, string> Headers, int Earlier)
{
    /// <summary>First byte that is asked for.</summary>
    public int From => Headers.TryGetValue("Range", out var range) ? int.Parse(range["bytes=".Length..].TrimEnd('-'), null) : 0;
}

/// <param name="Status">Status code.</param>
/// <param name="Body">What is sent before the connection is closed.</param>
/// <param name="ContentLength">What is promised; null promises nothing.</param>
/// <param name="Stalls">Sends nothing more and keeps the connection open.</param>
/// <param name="Resets">Ends the connection with RST, as a server that dies or a middlebox does, instead of in good order.</param>
internal sealed record LoopbackAnswer(int Status, byte[] Body, long? ContentLength, bool Stalls = false, bool Resets = false)
{
    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>What an honest server sends of a file that can be continued.</summary>
    public static LoopbackAnswer Honest(LoopbackRequest request, byte[] content, string tag = "\"v1\"") => request.From == 0
        ? new(200, content, content.Length) { Headers = { ["ETag"] = tag } }
        : request.From >= content.Length
            ? new(416, [], 0) { Headers = { ["Content-Range"] = $"bytes */{content.Length}" } }
            : new(206, content[request.From..], content.Length - request.From) { Headers = { ["ETag"] = tag, ["Content-Range"] = $"bytes {request.From}-{content.Length - 1}/{content.Length}" } };

    /// <summary>The honest answer, cut after some bytes of the body.</summary>
    public LoopbackAnswer CutAfter(int bytes) => this with { Body = Body[..Math.Min(bytes, Body.Length)] };
}

/// <summary>A clock on which every wait is over at once, and which remembers how long the waits were.</summary>
internal sealed class HurriedTime : TimeProvider
{
    private readonly List<TimeSpan> _waits = [];

    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_waits)
            {
                return [.. _waits];
            }
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        lock (_waits)
        {
            _waits.Add(dueTime);
        }

        return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
