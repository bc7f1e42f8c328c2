using CramGrains.Model.Checkpoints;
using static TorchSharp.torch;

namespace CramGrains.Model.Export;

/// <summary>Reads pretrained models from folders: BERT and RoBERTa of Hugging Face, checkpoints of the cramming reference, and our own exports.</summary>
public static class HuggingFaceImport
{
    /// <summary>Reads config, weights (one safetensors file) and tokenizer.</summary>
    /// <param name="folder">A folder with config.json (or the reference's model_config.json), model.safetensors and the tokenizer's files.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ExportException">Something is missing or cannot be expressed here; the message names it.</exception>
    public static ImportedModel Read(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
        {
            throw new ExportException($"{folder}: no such folder. Name a folder with config.json, model.safetensors and tokenizer files.");
        }

        string settings = Path.Combine(folder, "config.json"), reference = Path.Combine(folder, "model_config.json");
        var config = ConfigFile.Read(File.Exists(settings) || !File.Exists(reference) ? settings : reference);
        string path = Path.Combine(folder, "model.safetensors");
        if (!File.Exists(path))
        {
            throw new ExportException($"{path}: is missing. Only weights in one safetensors file can be read; save_pretrained(..., safe_serialization=True, max_shard_size=\"100GB\") writes one.");
        }

        Dictionary<string, Tensor> tensors;
        try
        {
            tensors = SafeTensors.Read(path);
        }
        catch (InvalidDataException error)
        {
            throw new ExportException(error.Message, error);
        }

        try
        {
            string kind = config.Text("model_type", config.Has("num_transformer_layers") ? "crammedBERT" : "");
            bool startsWithClassify = config.Flag(HuggingFaceExport.StartsWithClassify, kind is "bert" or "roberta");
            var model = kind switch
            {
                "bert" => BertImport.Read(folder, config, tensors, roberta: false),
                "roberta" => BertImport.Read(folder, config, tensors, roberta: true),
                "crammedBERT" => ReferenceImport.Read(folder, config.Has("arch") ? config.Section("arch") : config, tensors),
                "crammed_bert" => CrammedImport.Read(folder, config, tensors),
                _ => throw config.Wrong("model_type", "bert, roberta, crammedBERT (the reference) or crammed_bert (ours) to be imported"),
            };
            model.StartsWithClassify = startsWithClassify;
            return model;
        }
        finally
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }
    }
}
