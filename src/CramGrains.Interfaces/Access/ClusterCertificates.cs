using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CramGrains.Interfaces.Access;

/// <summary>One end's certificate, and the one authority whose certificates it believes in.</summary>
/// <remarks>Machines are known by address, which changes, so names in certificates are not compared: whoever holds a certificate of the authority is let in.</remarks>
public sealed class ClusterCertificates
{
    private readonly X509Certificate2Collection _authority;

    private ClusterCertificates(X509Certificate2 own, X509Certificate2Collection authority) => (Own, _authority) = (own, authority);

    /// <summary>This end's certificate with its private key.</summary>
    public X509Certificate2 Own { get; }

    /// <summary>Reads three PEM files.</summary>
    /// <param name="certificate">This end's certificate.</param>
    /// <param name="key">Its private key.</param>
    /// <param name="authority">Certificates of the authority.</param>
    /// <exception cref="InvalidDataException">A file cannot be read or is no PEM; the message names them.</exception>
    public static ClusterCertificates Load(string certificate, string key, string authority)
    {
        try
        {
            using var pem = X509Certificate2.CreateFromPemFile(certificate, key);
            var own = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null); // TLS on Windows takes no key that lives in memory only.
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(authority);
            return trusted.Count > 0
                ? new ClusterCertificates(own, trusted)
                : throw new InvalidDataException($"{authority} holds no certificate in PEM form.");
        }
        catch (Exception problem) when (problem is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"The certificate files {certificate}, {key} and {authority} cannot be used: {problem.Message}", problem);
        }
    }

    /// <summary>Whether a certificate that the other end has shown was signed by the authority and is valid today.</summary>
    public bool IsTrusted(X509Certificate2? shown)
    {
        if (shown is null)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // A lab's own authority publishes no list; to lock somebody out, change the authority.
        return chain.Build(shown);
    }

    /// <summary>A handler for HTTPS that believes in the authority and shows this end's certificate.</summary>
    public SocketsHttpHandler HttpHandler() => new()
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            ClientCertificates = [Own],
            RemoteCertificateValidationCallback = (_, shown, _, _) => shown is X509Certificate2 certificate && IsTrusted(certificate),
        },
    };
}
