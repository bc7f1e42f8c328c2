using System.Security.Cryptography;
using System.Text;

namespace CramGrains.Interfaces.Access;

/// <summary>The secret that a cluster's clients, scrapers and silos share; it travels with every grain call and in the header of every HTTP request.</summary>
public sealed class AccessToken
{
    private const string ContextKey = "cram.token";
    private const int Shortest = 16;

    private readonly byte[] _digest;

    private AccessToken(string value) => (Value, _digest) = (value, Digest(value));

    /// <summary>The secret itself; never logged.</summary>
    public string Value { get; }

    /// <summary>Reads a token from a file of one line.</summary>
    /// <exception cref="InvalidDataException">The file holds no token, or one that is too short to be a secret.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static AccessToken ReadFile(string path) => Parse(File.ReadAllText(path).Trim(), path);

    /// <summary>Takes a token that was given by other means.</summary>
    /// <param name="value">The secret.</param>
    /// <param name="origin">Where it came from, for the error.</param>
    /// <exception cref="InvalidDataException">It is too short or holds characters that an HTTP header does not take.</exception>
    public static AccessToken Parse(string value, string origin) =>
        value.Length >= Shortest && value.All(c => c is > ' ' and <= '~')
            ? new AccessToken(value)
            : throw new InvalidDataException($"{origin}: a token is one line of at least {Shortest} printable characters without spaces, got {value.Length}. Make one with: openssl rand -hex 32");

    /// <summary>Whether this is the token, in time that does not depend on where they differ.</summary>
    public bool Matches(string? shown) => shown is not null && CryptographicOperations.FixedTimeEquals(Digest(shown), _digest);

    /// <summary>The token that came with the grain call at hand; null when none did.</summary>
    public static string? OfCall() => RequestContext.Get(ContextKey) as string;

    /// <summary>Sends it along with the grain calls that follow.</summary>
    internal void Attach() => RequestContext.Set(ContextKey, Value);

    private static byte[] Digest(string value) => SHA256.HashData(Encoding.UTF8.GetBytes(value));
}

/// <summary>Sends the token along with every grain call of this process.</summary>
public sealed class TokenSender(AccessToken token) : IOutgoingGrainCallFilter
{
    /// <inheritdoc/>
    public Task Invoke(IOutgoingGrainCallContext context)
    {
        token.Attach();
        return context.Invoke();
    }
}
