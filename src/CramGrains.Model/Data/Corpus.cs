using System.Security.Cryptography;
using CramGrains.Model.Data.Storage;
using CramGrains.Model.Export;
using CramGrains.Model.Text;

namespace CramGrains.Model.Data;

/// <summary>A prepared corpus, open for reading: its rows and the encoder that made them. Thread-safe.</summary>
public sealed class Corpus : IDisposable
{
    private readonly ShardedTokenRows _training;
    private readonly ShardedTokenRows _heldOut;

    private Corpus(string folder, CorpusManifest manifest, WordPieceEncoder encoder, ShardedTokenRows training, ShardedTokenRows heldOut)
    {
        (Folder, Manifest, Encoder, _training, _heldOut) = (folder, manifest, encoder, training, heldOut);
    }

    /// <summary>Its folder.</summary>
    public string Folder { get; }

    /// <summary>What it holds.</summary>
    public CorpusManifest Manifest { get; }

    /// <summary>Rows to train on, in the order of the recipe.</summary>
    public ITokenRows Training => _training;

    /// <summary>Rows of documents kept out of training, as read.</summary>
    public ITokenRows HeldOut => _heldOut;

    /// <summary>Encodes text as the corpus was encoded.</summary>
    public ITextEncoder Encoder { get; }

    /// <summary>Entries of the vocabulary by id.</summary>
    public IReadOnlyList<string> Vocabulary => ((WordPieceEncoder)Encoder).Vocabulary;

    /// <summary>Writes tokenizer.json, vocab.txt and the small files beside them, as Hugging Face's libraries load them.</summary>
    /// <param name="folder">Made where it is missing.</param>
    public void ExportTokenizer(string folder)
    {
        Directory.CreateDirectory(folder);
        TokenizerFiles.Write(folder, Vocabulary, Manifest.Recipe.Normalizer, Manifest.Recipe.SequenceLength, tokenTypes: false);
    }

    /// <summary>Opens a corpus.</summary>
    /// <param name="folder">A folder that <see cref="CorpusBuilder"/> made.</param>
    /// <param name="verify">Reads every file and compares its checksum; otherwise only manifest, sizes, headers and the vocabulary are checked.</param>
    /// <exception cref="CorpusException">It is missing, torn or altered; the message names the file.</exception>
    public static Corpus Open(string folder, bool verify)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var manifest = CorpusManifest.Read(folder);
        if (verify)
        {
            foreach (var file in manifest.Files)
            {
                VerifyContent(folder, file);
            }
        }

        var encoder = ReadEncoder(folder, manifest);
        var open = new List<MappedTokenFile>();
        try
        {
            var training = OpenPart(folder, manifest, CorpusPart.Training, open);
            return new Corpus(folder, manifest, encoder, training, OpenPart(folder, manifest, CorpusPart.HeldOut, open));
        }
        catch
        {
            open.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    /// <summary>Reads the encoder of a corpus; needs no more of its folder than manifest and vocabulary.</summary>
    /// <param name="folder">A folder that <see cref="CorpusBuilder"/> made, or one that holds those two files of it.</param>
    /// <exception cref="CorpusException">One of the two is missing, torn or altered; the message names it.</exception>
    public static ITextEncoder OpenEncoder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        return ReadEncoder(folder, CorpusManifest.Read(folder));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _training.Dispose();
        _heldOut.Dispose();
    }

    private static WordPieceEncoder ReadEncoder(string folder, CorpusManifest manifest)
    {
        var vocabulary = manifest.Files.Single(file => file.Part == CorpusPart.Vocabulary);
        VerifyContent(folder, vocabulary);
        return new WordPieceEncoder(File.ReadAllLines(Path.Combine(folder, vocabulary.Name)), manifest.Recipe.Normalizer);
    }

    private static ShardedTokenRows OpenPart(string folder, CorpusManifest manifest, CorpusPart part, List<MappedTokenFile> open)
    {
        var shards = new List<MappedTokenFile>();
        foreach (var file in manifest.Files.Where(file => file.Part == part))
        {
            var path = Path.Combine(folder, file.Name);
            new TokenShardHeader(manifest.TokenBytes, manifest.Recipe.SequenceLength, shards.Count, file.Rows).Check(path);
            shards.Add(new MappedTokenFile(path, manifest.TokenBytes, manifest.Recipe.SequenceLength, file.Rows, TokenShardHeader.Size));
            open.Add(shards[^1]);
        }

        return new ShardedTokenRows(shards);
    }

    private static void VerifyContent(string folder, CorpusFile file)
    {
        const string Advice = "Delete the corpus folder and prepare it again.";
        var path = Path.Combine(folder, file.Name);
        if (!File.Exists(path))
        {
            throw new CorpusException($"{path}: missing. {Advice}");
        }

        using var stream = File.OpenRead(path);
        if (stream.Length != file.Bytes)
        {
            throw new CorpusException($"{path}: {stream.Length} bytes, expected {file.Bytes}; it was cut or added to. {Advice}");
        }

        if (Convert.ToHexStringLower(SHA256.HashData(stream)) != file.Sha256)
        {
            throw new CorpusException($"{path}: its content does not match its checksum, so it was altered or the disk is failing. {Advice}");
        }
    }
}
