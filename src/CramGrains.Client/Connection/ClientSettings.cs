using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Interfaces.Access;

namespace CramGrains.Client.Connection;

/// <summary>How to reach a cluster that does not let everybody in; <c>$CRAM_CONFIG</c>, or <c>~/.config/cramgrains/client.json</c>.</summary>
/// <param name="Cluster">HTTP addresses of silos, used where <c>--cluster</c> is not given.</param>
/// <param name="TokenFile">File with the cluster's token; <c>$CRAM_TOKEN</c> wins over it.</param>
/// <param name="Certificate">PEM file with this user's certificate.</param>
/// <param name="CertificateKey">Its private key.</param>
/// <param name="Authority">The authority that signed the silos' certificates.</param>
internal sealed record ClientSettings(
    IReadOnlyList<string>? Cluster = null, string? TokenFile = null, string? Certificate = null, string? CertificateKey = null, string? Authority = null)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = false, // every setting is optional
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    /// <summary>Reads the settings; empty ones where there is no file and none was named.</summary>
    /// <exception cref="CommandException">The file is missing or wrong.</exception>
    public static ClientSettings Load()
    {
        var named = Environment.GetEnvironmentVariable("CRAM_CONFIG");
        var path = string.IsNullOrEmpty(named)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "cramgrains", "client.json")
            : Path.GetFullPath(named);
        if (string.IsNullOrEmpty(named) && !File.Exists(path))
        {
            return new ClientSettings();
        }

        try
        {
            return JsonSerializer.Deserialize<ClientSettings>(File.ReadAllText(path), Options) ?? throw new JsonException("it holds null");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new CommandException(
                ExitCodes.Usage,
                $"{path}: {problem.Message} Expected an object with any of cluster (list of HOST:PORT), token_file, certificate, certificate_key, authority.");
        }
    }

    /// <summary>The cluster's token; null where none is known.</summary>
    /// <exception cref="CommandException">It cannot be read or is none.</exception>
    public AccessToken? Token()
    {
        try
        {
            return Environment.GetEnvironmentVariable("CRAM_TOKEN") is { Length: > 0 } given ? AccessToken.Parse(given, "CRAM_TOKEN")
                : TokenFile is not null ? AccessToken.ReadFile(TokenFile)
                : null;
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw new CommandException(ExitCodes.Usage, problem.Message);
        }
    }

    /// <summary>Certificates for TLS; null where none are named.</summary>
    /// <exception cref="CommandException">They cannot be read, or only some are named.</exception>
    public ClusterCertificates? Certificates()
    {
        if (Certificate is null && CertificateKey is null && Authority is null)
        {
            return null;
        }

        try
        {
            return ClusterCertificates.Load(
                Certificate ?? throw Missing("certificate"), CertificateKey ?? throw Missing("certificate_key"), Authority ?? throw Missing("authority"));
        }
        catch (InvalidDataException problem)
        {
            throw new CommandException(ExitCodes.Usage, problem.Message);
        }
    }

    private static CommandException Missing(string name) =>
        new(ExitCodes.Usage, $"The client's settings name some certificate files but not {name}. certificate, certificate_key and authority belong together.");
}
