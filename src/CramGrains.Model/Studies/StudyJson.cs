using System.Text.Json;
using System.Text.Json.Serialization;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Studies;

/// <summary>JSON of what a study writes: as recipes are, but with every key there, null or not, and with fields that later versions add left out by older files.</summary>
public static class StudyJson
{
    /// <summary>For results and reports.</summary>
    public static JsonSerializerOptions Options { get; } = new(RecipeJson.Options)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        RespectRequiredConstructorParameters = false,
    };
}
