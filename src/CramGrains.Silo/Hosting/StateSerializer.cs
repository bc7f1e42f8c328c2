using System.Text.Json;
using System.Text.Json.Serialization;
using Orleans.Storage;

namespace CramGrains.Silo.Hosting;

/// <summary>
/// Grain state as JSON, <c>{"schema_version":1,"state":{...}}</c>, for every storage provider. Names are snake_case, enums are their numbers, unknown
/// members are ignored and absent ones keep their defaults, so that a state written by any earlier version stays readable.
/// </summary>
internal sealed class StateSerializer : IGrainStorageSerializer
{
    /// <summary>Raised only when a change cannot be read by the rules above; then <see cref="Deserialize{T}"/> converts the older form.</summary>
    public const int SchemaVersion = 1;

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public BinaryData Serialize<T>(T? input) => new(JsonSerializer.SerializeToUtf8Bytes(new Envelope<T>(SchemaVersion, input), Options));

    public T Deserialize<T>(BinaryData input)
    {
        Envelope<T> envelope = JsonSerializer.Deserialize<Envelope<T>>(input, Options) ?? throw new JsonException("stored grain state is null");
        return envelope.SchemaVersion is >= 1 and <= SchemaVersion && envelope.State is not null
            ? envelope.State
            : throw new JsonException(
                $"stored grain state has schema version {envelope.SchemaVersion}; this build reads 1 to {SchemaVersion}. It was written by a newer build: run that one.");
    }

    private sealed record Envelope<T>(int SchemaVersion, T? State);
}
