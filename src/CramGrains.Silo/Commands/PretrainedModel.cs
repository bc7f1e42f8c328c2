using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;
using CramGrains.Model.Modules;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using CramGrains.Model.Training;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>A pretrained model named on a command line: a run of ours, one of its checkpoints, an export, or a folder of Hugging Face's.</summary>
internal sealed class PretrainedModel : IDisposable
{
    private readonly IDisposable _owner;

    private PretrainedModel(IDisposable owner, PretrainedEncoder encoder, IReadOnlyList<string> vocabulary, int maximumLength)
    {
        (_owner, Encoder, Vocabulary, MaximumLength) = (owner, encoder, vocabulary, maximumLength);
    }

    /// <summary>The encoder as the GLUE protocol takes it.</summary>
    public PretrainedEncoder Encoder { get; }

    /// <summary>Entries by id.</summary>
    public IReadOnlyList<string> Vocabulary { get; }

    /// <summary>Tokens that an input may have.</summary>
    public int MaximumLength { get; }

    /// <summary>The folder that was named.</summary>
    public required string Folder { get; init; }

    /// <summary>The run's recipe; null for a model from elsewhere.</summary>
    public Recipe? Recipe { get; private init; }

    /// <summary>The run's folder; null for anything else.</summary>
    public string? RunFolder { get; private init; }

    /// <summary>Whether it saw [CLS] at the start of its rows in pretraining.</summary>
    public bool StartsWithClassify { get; private init; }

    /// <summary>Whether it has a masked-language-model head.</summary>
    public bool FillsMasks { get; private init; } = true;

    /// <summary>Opens it; the caller disposes it.</summary>
    /// <param name="source">A folder, or a run's id with its home.</param>
    /// <param name="home">Home folder of the silo that ran it.</param>
    /// <param name="vocabularyFile">A run's vocabulary, where its corpus is not on this machine.</param>
    /// <exception cref="ExportException">It cannot be read; the message says why.</exception>
    public static PretrainedModel Open(string source, string? home = null, string? vocabularyFile = null)
    {
        bool hub = File.Exists(Path.Combine(source, "config.json")) || File.Exists(Path.Combine(source, "model_config.json"));
        return hub && !RunCheckpoint.IsAt(source) ? OfFolder(Path.GetFullPath(source)) : OfRun(RunCheckpoint.Open(source, home, vocabularyFile), RunCheckpoint.FolderOf(source, home));
    }

    /// <summary>The whole model in evaluation mode; the caller disposes it.</summary>
    public CrammedBert Build(torch.Device device)
    {
        using var scope = torch.NewDisposeScope();
        var model = new CrammedBert(Encoder.Architecture, (int)Encoder.Weights!["word.weight"].shape[0], MaximumLength)
        {
            ComputeType = Precision.ComputeType(PrecisionKind.Auto, device),
        };
        try
        {
            TensorSet.Copy("weights", Encoder.Weights, model.named_parameters().ToDictionary(named => named.name, named => (torch.Tensor)named.parameter));
            model.to(device);
            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _owner.Dispose();

    private static PretrainedModel OfFolder(string folder)
    {
        var imported = HuggingFaceImport.Read(folder);
        string weights = Path.Combine(folder, "model.safetensors");
        using var file = File.OpenRead(weights);
        string identity = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(file));
        return new(
            imported,
            new(Path.GetFileName(folder.TrimEnd(Path.DirectorySeparatorChar)), imported.Architecture, imported.Weights, imported.Encoder, imported.PairSeparators, identity),
            imported.Vocabulary, imported.MaximumLength)
        {
            Folder = folder,
            StartsWithClassify = imported.StartsWithClassify,
            FillsMasks = imported.FillsMasks,
        };
    }

    private static PretrainedModel OfRun(RunCheckpoint run, string folder)
    {
        try
        {
            var (recipe, state) = (run.Recipe, run.Checkpoint.State);
            var encoder = new WordPieceEncoder(run.Vocabulary, recipe.Corpus.Normalizer);
            int maximumLength = state.Weights.TryGetValue("positions.weight", out var table) ? (int)table.shape[0] : Math.Max(recipe.Corpus.SequenceLength, 512);
            return new(run, new(recipe.Name, recipe.Architecture, state.Weights, encoder, Identity: IdentityOf(state.Manifest)), run.Vocabulary, maximumLength)
            {
                Folder = folder,
                Recipe = recipe,
                RunFolder = run.RunFolder,
                StartsWithClassify = recipe.Corpus.StartsWithClassify,
            };
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>Identity of a checkpoint's weights.</summary>
    public static string IdentityOf(CheckpointManifest manifest) => manifest.Files.First(file => file.Name == CheckpointStore.WeightsFile).Sha256;
}
