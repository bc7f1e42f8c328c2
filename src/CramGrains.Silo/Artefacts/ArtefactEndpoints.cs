using CramGrains.Silo.Worker;

namespace CramGrains.Silo.Artefacts;

/// <summary>Serves this machine's artefacts to the other machines of the cluster; the whole server asks for the token.</summary>
internal static class ArtefactEndpoints
{
    public static void MapArtefacts(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/artefacts/{kind}/manifest", (string kind, string name, ArtefactFolders folders) =>
            Kind(kind) is { } known && folders.Describe(known, name) is { } manifest ? Results.Json(manifest, WorkerJson.Options) : Results.NotFound());
        routes.MapGet("/artefacts/{kind}/file", (string kind, string name, string file, ArtefactFolders folders) =>
        {
            // Only what the artefact's own manifest lists is served, so no name leads out of its folder.
            if (Kind(kind) is not { } known || folders.Find(known, name) is not { } folder
                || folders.Describe(known, name)?.Files.FirstOrDefault(listed => listed.Name == file) is not { } found)
            {
                return Results.NotFound();
            }

            try
            {
                var content = new FileStream(
                    Path.Combine(folder, found.Name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16, FileOptions.SequentialScan | FileOptions.Asynchronous);
                return Results.File(content, "application/octet-stream", enableRangeProcessing: true);
            }
            catch (IOException)
            {
                return Results.NotFound(); // it was a checkpoint whose time had come
            }
        });
    }

    /// <summary>Where a file of an artefact is served.</summary>
    public static string FilePath(ArtefactKind kind, string name, string file) =>
        $"artefacts/{Word(kind)}/file?name={Uri.EscapeDataString(name)}&file={Uri.EscapeDataString(file)}";

    /// <summary>Where the list of its files is served.</summary>
    public static string ManifestPath(ArtefactKind kind, string name) => $"artefacts/{Word(kind)}/manifest?name={Uri.EscapeDataString(name)}";

    private static string Word(ArtefactKind kind) => Runs.Words.Of(kind);

    private static ArtefactKind? Kind(string word) =>
        Enum.GetValues<ArtefactKind>().Where(kind => Word(kind) == word).Select(kind => (ArtefactKind?)kind).FirstOrDefault();
}
