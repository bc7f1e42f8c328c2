using System.Net;

namespace CramGrains.Silo.Hosting;

/// <summary>What must be so before a silo listens: a silo off loopback runs what anybody who reaches it asks for.</summary>
internal static class ClusterMemberCheck
{
    /// <exception cref="StartupException">Something is missing, half given or unsafe; the message says what to do.</exception>
    public static void Check(ClusterMemberOptions options, IPAddress address)
    {
        string?[] tls = [options.Certificate, options.CertificateKey, options.Authority];
        if (tls.Any(file => file is null) && tls.Any(file => file is not null))
        {
            throw new StartupException("cram:cluster: Certificate, CertificateKey and Authority belong together; give all three or none.");
        }

        foreach (var (name, file) in new[]
        {
            (nameof(options.Certificate), options.Certificate), (nameof(options.CertificateKey), options.CertificateKey),
            (nameof(options.Authority), options.Authority), (nameof(options.TokenFile), options.TokenFile),
        })
        {
            if (file is not null && !File.Exists(file))
            {
                throw new StartupException($"cram:cluster:{name}: {file} does not exist or this user may not read it.");
            }
        }

        if (options.SharedFolder is { } shared && (!Path.IsPathFullyQualified(shared) || !Directory.Exists(shared)))
        {
            throw new StartupException($"cram:cluster:SharedFolder: {shared} must be an absolute path of a folder that exists. Mount it first.");
        }

        if (IPAddress.IsLoopback(address) || options.AllowInsecure)
        {
            return;
        }

        if (!options.UsesTls || options.TokenFile is null)
        {
            string missing = (options.UsesTls, options.TokenFile) switch
            {
                (false, null) => "certificates (Certificate, CertificateKey, Authority) and a token (TokenFile)",
                (false, _) => "certificates (Certificate, CertificateKey, Authority)",
                _ => "a token (TokenFile)",
            };
            throw new StartupException(
                $"cram:cluster:AdvertisedAddress: {address} is not loopback, and {missing} are not set. deploy/README.md shows how to make them. " +
                "On a network that is trusted as a whole, cram:cluster:AllowInsecure=true goes without.");
        }
    }
}
