using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Text;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>What an export wrote.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Class">The class of transformers that it opens with.</param>
/// <param name="NeedsTrust">Whether it needs <c>trust_remote_code=True</c>.</param>
/// <param name="Bytes">Size of all files.</param>
public sealed record ExportResult(string Folder, HuggingFaceClass Class, bool NeedsTrust, long Bytes);

/// <summary>Writes a pretrained model as a folder that Hugging Face transformers opens with <c>AutoModelForMaskedLM</c>.</summary>
public static class HuggingFaceExport
{
    /// <summary>Key of ours in config.json: whether the rows of pretraining began with [CLS]. Transformers keeps keys that it does not know.</summary>
    internal const string StartsWithClassify = "rows_start_with_cls";

    /// <summary>The class that an export takes unless told otherwise: one that transformers has where it is exact, else ours.</summary>
    public static HuggingFaceClass Choose(ArchitectureRecipe architecture)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        return NativeClasses.Choose(architecture);
    }

    /// <summary>Every setting that keeps an architecture from a class, by key; empty when the class expresses it exactly.</summary>
    public static IReadOnlyList<string> Obstacles(ArchitectureRecipe architecture, HuggingFaceClass target)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        return NativeClasses.Obstacles(architecture, target);
    }

    /// <summary>Writes the folder, whole or not at all: config, weights (float32), tokenizer, model card, and our modelling files where needed.</summary>
    /// <param name="folder">Must not exist, or be empty.</param>
    /// <param name="model">The model.</param>
    /// <param name="target">The class to open with; null chooses.</param>
    /// <exception cref="ExportException">The class cannot express the architecture, or weights and vocabulary do not fit it.</exception>
    public static ExportResult Write(string folder, ModelToExport model, HuggingFaceClass? target = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(model);
        folder = Path.GetFullPath(folder);
        if (File.Exists(folder) || (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any()))
        {
            throw new ExportException($"{folder}: is there already and not empty. Name another folder or remove it first.");
        }

        var chosen = target ?? Choose(model.Architecture);
        Check(model, chosen);

        string unfinished = $"{folder.TrimEnd(Path.DirectorySeparatorChar)}.{Guid.NewGuid():N}.tmp";
        Directory.CreateDirectory(unfinished);
        try
        {
            WriteFiles(unfinished, model, chosen);
            long bytes = new DirectoryInfo(unfinished).EnumerateFiles().Sum(file => file.Length);
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder);
            }

            Directory.Move(unfinished, folder);
            return new(folder, chosen, chosen == HuggingFaceClass.Crammed, bytes);
        }
        finally
        {
            if (Directory.Exists(unfinished))
            {
                Directory.Delete(unfinished, recursive: true);
            }
        }
    }

    private static void Check(ModelToExport model, HuggingFaceClass target)
    {
        if (NativeClasses.Obstacles(model.Architecture, target) is { Count: > 0 } obstacles)
        {
            throw new ExportException($"This model cannot be exported as {target}: {string.Join("; ", obstacles)}. Leave the class open to use the one that fits.");
        }

        if (!model.Weights.TryGetValue("word.weight", out var words) || words.dim() != 2)
        {
            throw new ExportException("The weights hold no word.weight of two dimensions. They are not those of an encoder.");
        }

        if (!model.Vocabulary.Take(SpecialTokens.Names.Count).SequenceEqual(SpecialTokens.Names))
        {
            throw new ExportException($"The vocabulary must start with {string.Join(' ', SpecialTokens.Names)}.");
        }

        if (model.Vocabulary.Count > words.shape[0])
        {
            throw new ExportException($"The vocabulary has {model.Vocabulary.Count} entries, but word.weight only {words.shape[0]} rows. Is it the vocabulary of this model?");
        }

        WeightShapes.Check("The weights", WeightShapes.Of(model.Architecture, words.shape[0], model.MaximumLength), model.Weights);
        using var scope = NewDisposeScope();
        foreach (var (name, tensor) in model.Weights)
        {
            if (!tensor.isfinite().all().item<bool>()) // a sync for each tensor, once per export
            {
                throw new ExportException($"{name} holds values that are not finite. Export an earlier checkpoint.");
            }
        }
    }

    private static void WriteFiles(string folder, ModelToExport model, HuggingFaceClass target)
    {
        using var gradients = no_grad();
        using var scope = NewDisposeScope();
        var (config, tensors) = target switch
        {
            HuggingFaceClass.Bert => (BertExport.Config(model), BertExport.Tensors(model)),
            HuggingFaceClass.ModernBert => (ModernBertExport.Config(model), ModernBertExport.Tensors(model)),
            _ => (CrammedExport.Config(model), CrammedExport.Tensors(model)),
        };
        config["dtype"] = "float32";
        config["torch_dtype"] = "float32"; // the older name
        if (model.Card.Recipe is { } recipe)
        {
            config[StartsWithClassify] = recipe.Corpus.StartsWithClassify;
        }

        TokenizerFiles.WriteJson(folder, "config.json", config);
        SafeTensors.Write(
            Path.Combine(folder, "model.safetensors"),
            tensors.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.to(ScalarType.Float32)),
            new Dictionary<string, string> { ["format"] = "pt" }); // transformers refuses files that do not name their framework
        bool tokenTypes = target == HuggingFaceClass.Bert || model.Architecture.SegmentTypes > 1;
        TokenizerFiles.Write(folder, model.Vocabulary, model.Normalizer, model.MaximumLength, tokenTypes);
        File.WriteAllText(Path.Combine(folder, "README.md"), model.Card.ToMarkdown(model, target));
        if (target == HuggingFaceClass.Crammed)
        {
            CrammedExport.WritePython(folder);
        }
    }
}
