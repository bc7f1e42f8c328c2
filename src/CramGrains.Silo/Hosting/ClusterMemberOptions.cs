using System.ComponentModel.DataAnnotations;
using System.Net;

namespace CramGrains.Silo.Hosting;

/// <summary>What makes this silo a member of a cluster; section <c>cram:cluster</c>. Without <see cref="Redis"/> the silo is a cluster of its own, on loopback.</summary>
internal sealed class ClusterMemberOptions
{
    /// <summary>Name of the cluster; silos of other names on the same Redis are other clusters.</summary>
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", ErrorMessage =
        "cram:cluster:Id must be 1 to 63 letters, digits, '.', '_' or '-', starting with a letter or digit.")]
    public string Id { get; set; } = "cramgrains";

    /// <summary>Redis that keeps membership, reminders and grain state, as <c>HOST:PORT[,option=value...]</c>; null for an embedded silo.</summary>
    public string? Redis { get; set; }

    /// <summary>Address of this machine at which the others and clients reach it; the silo listens there and nowhere else.</summary>
    [Required]
    public string AdvertisedAddress { get; set; } = IPAddress.Loopback.ToString();

    /// <summary>PEM file with this machine's certificate, signed by <see cref="Authority"/>; for servers and clients alike.</summary>
    public string? Certificate { get; set; }

    /// <summary>PEM file with the certificate's private key.</summary>
    public string? CertificateKey { get; set; }

    /// <summary>PEM file with the authority whose certificates are let in; nobody else's are, the system's store included.</summary>
    public string? Authority { get; set; }

    /// <summary>File whose one line is the token that clients, scrapers and other silos must show.</summary>
    public string? TokenFile { get; set; }

    /// <summary>Lets the silo listen off loopback without certificates or without a token. For networks that are trusted as a whole.</summary>
    public bool AllowInsecure { get; set; }

    /// <summary>Folder that every machine sees under this path; corpora and checkpoints are kept there, and nothing is copied over HTTP.</summary>
    public string? SharedFolder { get; set; }

    /// <summary>Machines that hold each run's newest checkpoint, the one that trains included. 1 keeps it there alone.</summary>
    [Range(1, 16)]
    public int CheckpointCopies { get; set; } = 2;

    /// <summary>True for a member of a cluster, false for an embedded silo.</summary>
    public bool IsMember => Redis is not null;

    /// <summary>True when connections are encrypted and both ends show a certificate.</summary>
    public bool UsesTls => Certificate is not null;

    /// <summary><see cref="AdvertisedAddress"/>, resolved.</summary>
    /// <exception cref="StartupException">It is no address and no name that resolves to one.</exception>
    public IPAddress Address()
    {
        try
        {
            return IPAddress.TryParse(AdvertisedAddress, out var address) ? address : Dns.GetHostAddresses(AdvertisedAddress)[0];
        }
        catch (Exception problem) when (problem is System.Net.Sockets.SocketException or ArgumentException or IndexOutOfRangeException)
        {
            throw new StartupException($"cram:cluster:AdvertisedAddress: '{AdvertisedAddress}' is no address of this machine and no name that resolves to one: {problem.Message}");
        }
    }
}
