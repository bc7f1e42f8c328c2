using System.Text.Json;

namespace CramGrains.Client.Connection;

/// <summary>Which cluster a command is for.</summary>
/// <param name="Home">Home folder of this machine's silo, absolute.</param>
/// <param name="Address">HTTP address of a silo, <c>HOST:PORT</c>; null for the one that serves <paramref name="Home"/>.</param>
internal sealed record ClusterTarget(string Home, string? Address)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary><c>$CRAM_HOME</c>, or <c>.cramgrains</c> in the user's folder.</summary>
    public static string DefaultHome =>
        Environment.GetEnvironmentVariable("CRAM_HOME") is { Length: > 0 } home
            ? home
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cramgrains");

    /// <summary>The silo to talk to; null when none serves the home folder.</summary>
    /// <exception cref="CommandException">An address was given and no silo answers there.</exception>
    public async Task<SiloDescription?> FindAsync(CancellationToken cancellationToken)
    {
        if (Address is null)
        {
            return SiloDescription.TryRead(Home);
        }

        using var http = new HttpClient { Timeout = Limit };
        try
        {
            return SiloDescription.Parse(await http.GetStringAsync(new Uri($"http://{Address}/silo.json"), cancellationToken))
                ?? throw new JsonException("an empty answer");
        }
        catch (Exception problem) when (!cancellationToken.IsCancellationRequested && problem is HttpRequestException or TaskCanceledException or JsonException or UriFormatException)
        {
            throw new CommandException(
                ExitCodes.NoCluster, $"No silo answers at {Address}: {problem.Message} --cluster expects HOST:PORT with the silo's HTTP port (`http_port` of its silo.json).");
        }
    }
}
