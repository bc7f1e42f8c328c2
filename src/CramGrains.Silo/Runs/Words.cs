using System.Text.Json;

namespace CramGrains.Silo.Runs;

/// <summary>Enum values as they stand in files, logs and labels: <c>worker-lost</c>, <c>fine-tuning</c>.</summary>
internal static class Words
{
    public static string Of<T>(T value) where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
