namespace CramGrains.Client.Commands;

/// <summary>Finds recipes: by path, or by the name of one that comes with the program.</summary>
internal static class RecipeFiles
{
    private static readonly string Bundled = Path.Combine(AppContext.BaseDirectory, "recipes");

    /// <summary>Full path of a recipe.</summary>
    /// <exception cref="CommandException">There is none.</exception>
    public static string Find(string given)
    {
        if (File.Exists(given))
        {
            return Path.GetFullPath(given);
        }

        var bundled = Path.Combine(Bundled, Path.GetFileNameWithoutExtension(given) + ".json");
        return Path.GetFileName(given) == given && File.Exists(bundled)
            ? bundled
            : throw new CommandException(
                ExitCodes.Usage, $"Recipe {given}: there is no such file. Give a path, or one of these names: {string.Join(", ", Names())}.");
    }

    /// <summary>Its text.</summary>
    /// <exception cref="CommandException">It cannot be read.</exception>
    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCodes.Usage, $"Recipe {path} cannot be read: {problem.Message}");
        }
    }

    private static IEnumerable<string> Names() =>
        Directory.Exists(Bundled) ? Directory.GetFiles(Bundled, "*.json").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal)! : [];
}
