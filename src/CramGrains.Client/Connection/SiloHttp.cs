using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace CramGrains.Client.Connection;

/// <summary>A member of a cluster, as any silo lists it at <c>/members.json</c>.</summary>
internal sealed record ClusterMember(string Machine, string GatewayAddress, int GatewayPort, int HttpPort);

/// <summary>Asks silos over HTTP, with whatever they want to be shown.</summary>
internal sealed class SiloHttp : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly HttpClient _client;
    private readonly string _scheme;

    public SiloHttp(ClientSettings settings)
    {
        var certificates = settings.Certificates();
        _scheme = certificates is null ? "http" : "https";
        _client = new HttpClient(certificates is null ? new SocketsHttpHandler() : certificates.HttpHandler()) { Timeout = Limit };
        if (settings.Token() is { } token)
        {
            _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Value);
        }
    }

    /// <summary>The first of several silos that answers.</summary>
    /// <exception cref="CommandException">None does; the message says what each one said.</exception>
    public async Task<SiloDescription> FirstAsync(IReadOnlyList<string> addresses, CancellationToken cancellationToken)
    {
        // All at once: one that is cut off would otherwise keep the answer of the next one waiting.
        List<Task<(SiloDescription? Silo, string Problem)>> asked = [.. addresses.Select(address => AskAsync(address, cancellationToken))];
        var problems = new List<string>();
        while (asked.Count > 0)
        {
            var answered = await Task.WhenAny(asked);
            asked.Remove(answered);
            if (await answered is { Silo: { } silo })
            {
                return silo;
            }

            problems.Add((await answered).Problem);
        }

        throw new CommandException(
            ExitCodes.NoCluster, $"No silo answers: {string.Join("; ", problems)}. --cluster expects HOST:PORT[,HOST:PORT] with the HTTP port of silos (`http_port` of their silo.json).");
    }

    /// <summary>The gateways of all members that a silo knows of; of itself alone when it does not say.</summary>
    public async Task<IReadOnlyList<ClusterMember>> MembersAsync(SiloDescription silo, CancellationToken cancellationToken)
    {
        var alone = new ClusterMember(silo.Machine, silo.GatewayAddress, silo.GatewayPort, silo.HttpPort);
        try
        {
            var members = await _client.GetFromJsonAsync<IReadOnlyList<ClusterMember>>(Url(silo.HttpAddress, "members.json"), Options, cancellationToken);
            return members is { Count: > 0 } ? members : [alone];
        }
        catch (Exception problem) when (!cancellationToken.IsCancellationRequested && problem is HttpRequestException or TaskCanceledException or JsonException)
        {
            return [alone];
        }
    }

    /// <inheritdoc />
    public void Dispose() => _client.Dispose();

    private async Task<(SiloDescription? Silo, string Problem)> AskAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            return SiloDescription.Parse(await _client.GetStringAsync(Url(address, "silo.json"), cancellationToken)) is { } silo
                ? (silo, "")
                : (null, $"{address}: an empty answer");
        }
        catch (Exception problem) when (!cancellationToken.IsCancellationRequested && problem is HttpRequestException or TaskCanceledException or JsonException or UriFormatException)
        {
            var hint = problem is HttpRequestException { StatusCode: System.Net.HttpStatusCode.Unauthorized } ? "; set CRAM_TOKEN or token_file in the client's settings" : "";
            return (null, $"{address}: {problem.Message}{hint}");
        }
    }

    private Uri Url(string address, string path) => new($"{_scheme}://{address}/{path}");
}
