using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary>Recipes of local commands: by path, or by the name of one that comes with the program, as <c>cram submit</c> takes them.</summary>
internal static class LocalRecipes
{
    private static readonly string Bundled = Path.Combine(AppContext.BaseDirectory, "recipes");

    /// <summary>Reads one with its overrides.</summary>
    /// <exception cref="ArgumentException">There is none, or every reason why it is wrong.</exception>
    public static Recipe Load(string given, IReadOnlyList<string>? overrides, IReadOnlyList<string>? corpusPaths = null)
    {
        string file = Find(given);
        var loaded = RecipeLoader.Load(File.ReadAllText(file), file, overrides ?? [], corpusPaths: corpusPaths);
        return loaded.Recipe ?? throw new ArgumentException(string.Join('\n', loaded.Problems));
    }

    private static string Find(string given)
    {
        string bundled = Path.Combine(Bundled, Path.GetFileNameWithoutExtension(given) + ".json");
        return File.Exists(given) ? given
            : Path.GetFileName(given) == given && File.Exists(bundled) ? bundled
            : throw new ArgumentException(
                $"Recipe {given}: {(Directory.Exists(given) ? "is a folder" : "there is no such file")}. Give a path, or one of these names: {string.Join(", ", Names())}.");
    }

    private static IEnumerable<string?> Names() =>
        Directory.Exists(Bundled) ? Directory.GetFiles(Bundled, "*.json").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal) : [];
}
