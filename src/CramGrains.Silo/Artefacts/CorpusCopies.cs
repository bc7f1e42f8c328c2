using CramGrains.Model.Data;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Artefacts;

/// <summary>Copies of corpora: made on one machine, brought to the others that need them.</summary>
internal sealed class CorpusCopies(IGrainFactory grains, IMachines machines, Deliveries deliveries, ArtefactFolders folders, HomeFolder home)
{
    /// <summary>Brings a corpus, or its vocabulary alone, unless it is here.</summary>
    /// <param name="digest">The corpus.</param>
    /// <param name="whole">False for the vocabulary alone: fine-tuning needs no more.</param>
    /// <param name="waitsFor">Told what is being brought: its target folder and what people call it.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <exception cref="ArtefactException">No machine that is up has it.</exception>
    public async Task BringAsync(string digest, bool whole, Action<string, string> waitsFor, CancellationToken cancellationToken)
    {
        string target = whole ? home.Corpus(digest) : folders.Vocabulary(digest);
        if (Directory.Exists(home.Corpus(digest)) || Directory.Exists(target))
        {
            return;
        }

        IArtefactGrain corpus = grains.GetGrain<IArtefactGrain>(ArtefactKeys.Corpus(digest));
        PublishedArtefact published = await corpus.ListAsync() is [var newest, ..] ? newest : throw new ArtefactException($"no machine is known to have corpus {digest}");
        waitsFor(target, whole ? "the corpus" : "the vocabulary");
        await deliveries.BringAsync(
            new Delivery(
                ArtefactKind.Corpus, digest, published.Digest, target, () => CheckpointCopies.HoldersAsync(corpus, published.Digest),
                whole ? null : file => file.Name is CorpusManifest.FileName or CorpusManifest.VocabularyFileName),
            cancellationToken);
        if (whole)
        {
            await corpus.HoldAsync(published.Digest, machines.Own);
        }
    }
}
