using System.Text;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

/// <summary>Small corpora from generated text, prepared in well under a second.</summary>
internal sealed class CorpusRig : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public string Corpora => Path.Combine(_folder.Path, "corpora");

    public string Source => Path.Combine(_folder.Path, "text.txt");

    public CorpusRecipe Recipe { get; init; } = new(
        [], TextNormalizerKind.Crammed, VocabularySize: 80, SequenceLength: 16, HeldOutFraction: 0.1);

    public CorpusRecipe WithSource => Recipe with { Sources = [new CorpusSource(CorpusSourceKind.Text, Source)] };

    public CorpusOptions Options { get; init; } = new() { Threads = 2, ShardBytes = 4096 };

    public CorpusRig WriteDocuments(int count = 300, int seed = 1)
    {
        File.WriteAllText(Source, string.Join("\n\n", Documents(count, seed)) + "\n");
        return this;
    }

    public CorpusManifest Prepare() => PrepareReporting(null, TestContext.Current.CancellationToken);

    public CorpusManifest PrepareReporting(IProgress<CorpusProgress>? progress, CancellationToken cancellationToken) =>
        CorpusBuilder.Prepare(WithSource, Corpora, Options, progress, cancellationToken);

    public static string Digest(CorpusRecipe recipe) => CorpusBuilder.Digest(recipe, null, TestContext.Current.CancellationToken);

    public string FolderOf(CorpusManifest manifest) => CorpusBuilder.FolderOf(Corpora, manifest.Digest);

    public Corpus Open(CorpusManifest manifest) => Corpus.Open(FolderOf(manifest), verify: true);

    /// <summary>Documents of one to three sentences over a small set of syllables, so that a vocabulary of 80 has something to merge.</summary>
    public static IEnumerable<string> Documents(int count, int seed)
    {
        string[] syllables = ["ka", "lo", "mi", "ne", "tu", "ras", "vel", "don", "pi", "sha"];
        var random = new Random(seed);
        for (var document = 0; document < count; document++)
        {
            var text = new StringBuilder();
            for (var sentence = random.Next(1, 4); sentence > 0; sentence--)
            {
                for (var word = random.Next(4, 12); word > 0; word--)
                {
                    for (var syllable = random.Next(1, 4); syllable > 0; syllable--)
                    {
                        text.Append(syllables[random.Next(syllables.Length)]);
                    }

                    text.Append(word > 1 ? ' ' : '.');
                }

                text.Append(' ');
            }

            yield return text.ToString().Trim();
        }
    }

    public void Dispose() => _folder.Dispose();
}
