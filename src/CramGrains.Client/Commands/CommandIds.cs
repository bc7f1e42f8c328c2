using System.Security.Cryptography;

namespace CramGrains.Client.Commands;

/// <summary>Ids of commands, made here, so that one whose answer got lost can be sent again and is still one.</summary>
internal static class CommandIds
{
    public static string New() => $"c-{DateTime.UtcNow:yyyyMMdd-HHmmss}-{RandomNumberGenerator.GetHexString(12, lowercase: true)}";
}
