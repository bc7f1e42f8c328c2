namespace CramGrains.Client.Connection;

/// <summary>Which cluster a command is for.</summary>
/// <param name="Home">Home folder of this machine's silo, absolute.</param>
/// <param name="Address">HTTP addresses of silos, <c>HOST:PORT[,HOST:PORT]</c>; null for the one that serves <paramref name="Home"/>.</param>
internal sealed record ClusterTarget(string Home, string? Address)
{
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

        using var http = new SiloHttp(ClientSettings.Load());
        return await http.FirstAsync(Address.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), cancellationToken);
    }
}
