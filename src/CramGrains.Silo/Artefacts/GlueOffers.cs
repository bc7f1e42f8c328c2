using System.Collections.Concurrent;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Evaluation;

namespace CramGrains.Silo.Artefacts;

/// <summary>GLUE files of this machine that others may fetch: those of tasks that somebody here was asked for, and nothing else below any folder.</summary>
/// <remarks>In memory only: after a restart whoever still wants them asks again.</remarks>
internal sealed class GlueOffers
{
    private readonly ConcurrentDictionary<string, (string Folder, ArtefactManifest Manifest)> _offers = new();
    private readonly ConcurrentDictionary<(string Folder, GlueTaskName Task), (string Stamp, string Name)> _known = new();

    /// <summary>Offers a task's files; null when the folder lacks one of them.</summary>
    public ArtefactManifest? Offer(string folder, GlueTaskName task)
    {
        if (GlueFiles.Files(folder, task) is not { } files)
        {
            return null;
        }

        // Reading hundreds of megabytes anew for every seed would keep callers waiting; size and time tell whether a file has changed.
        string stamp = string.Join(';', files.Select(file => new FileInfo(Path.Combine(folder, file))).Select(info => $"{info.Length}.{info.LastWriteTimeUtc.Ticks}"));
        if (_known.TryGetValue((folder, task), out var known) && known.Stamp == stamp)
        {
            return _offers[known.Name].Manifest;
        }

        var manifest = new ArtefactManifest(ArtefactKind.Glue, "", [.. files.Select(file => ArtefactFolders.Of(folder, file))]);
        manifest = manifest with { Name = manifest.Digest() };
        _offers[manifest.Name] = (folder, manifest);
        _known[(folder, task)] = (stamp, manifest.Name);
        return manifest;
    }

    /// <summary>An offer by its name.</summary>
    public (string Folder, ArtefactManifest Manifest)? Find(string name) => _offers.TryGetValue(name, out var offer) ? offer : null;
}
