namespace CramGrains.EndToEnd.Tests.Harness;

/// <summary>Recipes for tests, copied beside the test assembly.</summary>
internal static class Recipes
{
    /// <summary>Two layers of 64, a checkpoint every two seconds.</summary>
    public static string Tiny { get; } = Path.Combine(AppContext.BaseDirectory, "Recipes", "tiny.json");
}
