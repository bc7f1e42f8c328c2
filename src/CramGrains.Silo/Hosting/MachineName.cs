using System.Text.RegularExpressions;

namespace CramGrains.Silo.Hosting;

/// <summary>
/// The name that a machine goes by when nobody gives it one: what its home was known by before, else the host's. Corpora, checkpoints and runs are bound to
/// machines by name, and hosts are renamed: laptops by their network, images and containers at each start. Kept in the file <c>machine</c> of the home.
/// </summary>
/// <remarks>Not in a cluster, where two machines that began as copies of one must not go by one name.</remarks>
internal static partial class MachineName
{
    /// <exception cref="StartupException">The file cannot be read.</exception>
    public static string Of(string home)
    {
        string file = new HomeFolder(home).MachineFile;
        try
        {
            if (File.Exists(file) && File.ReadAllText(file).Trim() is { Length: > 0 } remembered)
            {
                return remembered;
            }
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{file}, which says what this machine is called, cannot be read: {problem.Message} Delete it, or give a name with --machine NAME.");
        }

        return OfHost();
    }

    /// <summary>The host's, as far as a device id can hold it.</summary>
    public static string OfHost()
    {
        string name = OtherCharacters().Replace(Environment.MachineName, "-").Trim('-', '.', '_');
        return name.Length == 0 ? "machine" : name[..Math.Min(name.Length, 63)];
    }

    /// <summary>Keeps the name that a silo has started under.</summary>
    /// <exception cref="StartupException">The file cannot be written.</exception>
    public static void Remember(HomeFolder home, string name)
    {
        try
        {
            AtomicFile.WriteText(home.MachineFile, name + "\n");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{home.MachineFile} cannot be written: {problem.Message}");
        }
    }

    [GeneratedRegex("[^A-Za-z0-9._-]")]
    private static partial Regex OtherCharacters();
}
