using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram fill-mask</c>: what a model puts where a text says [MASK].</summary>
internal static class FillMaskCommand
{
    /// <summary>Runs one command line, without the leading <c>fill-mask</c>.</summary>
    public static int Run(string[] arguments)
    {
        var model = new Argument<string>("MODEL") { Description = "A run, a checkpoint, an export, or a folder of BERT or RoBERTa." };
        var texts = new Argument<string[]>("TEXT") { Description = "Texts that hold [MASK].", Arity = ArgumentArity.OneOrMore };
        var top = new Option<int>("--top") { Description = "Candidates at each mask.", DefaultValueFactory = _ => 5 }.AtLeastOne();
        var classify = new Option<bool?>("--cls") { Description = "Put [CLS] in front, as some models saw it in pretraining (true or false); chosen by the model unless given." };
        var vocabulary = new Option<string?>("--vocabulary") { Description = "Vocabulary file of a run whose corpus is not on this machine." };
        var (home, device) = (GlueCommand.HomeOption(), LocalDevice.Option());
        var json = new Option<bool>("--json") { Description = "Print one JSON object a text." };
        var command = new Command("fill-mask", "Fills [MASK] in texts. Example: cram fill-mask ~/.cramgrains/runs/r-1 \"the capital of france is [MASK].\"")
        {
            model, texts, top, classify, vocabulary, home, device, json,
        };
        command.SetAction(parsed =>
        {
            var place = LocalDevice.Choose(parsed.GetValue(device));
            using var pretrained = PretrainedModel.Open(parsed.GetRequiredValue(model), parsed.GetValue(home), parsed.GetValue(vocabulary));
            if (!pretrained.FillsMasks)
            {
                throw new ExportException(
                    $"{parsed.GetValue(model)}: holds no masked-language-model head (cls.predictions of BERT, lm_head of RoBERTa), so it cannot fill masks. "
                    + "Name a folder that was saved with it, as BertForMaskedLM and RobertaForMaskedLM are.");
            }

            using var bert = pretrained.Build(place);
            foreach (string text in parsed.GetRequiredValue(texts))
            {
                var masks = MaskFilling.Fill(
                    bert, place, pretrained.Encoder.TextEncoder, pretrained.Vocabulary, text, parsed.GetValue(top), parsed.GetValue(classify) ?? pretrained.StartsWithClassify);
                if (parsed.GetValue(json))
                {
                    Console.WriteLine(JsonSerializer.Serialize(new { Text = text, Masks = masks }, OneLine));
                    continue;
                }

                Console.WriteLine(text);
                foreach (var (index, candidates) in masks.Index())
                {
                    string which = masks.Count > 1 ? $"mask {index + 1}: " : "";
                    Console.WriteLine("  " + which + string.Join("  ", candidates.Select(candidate =>
                        $"{Show(candidate.Token)} {(100 * candidate.Probability).ToString("0.0", CultureInfo.InvariantCulture)} %")));
                }
            }

            return CommandLineRun.Done;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static JsonSerializerOptions OneLine { get; } = new(RecipeJson.Options) { WriteIndented = false };

    // Byte-level vocabularies write a leading space as a letter of their own.
    private static string Show(string token) => token.Replace('\u0120', ' ').Trim();
}
