using System.CommandLine;
using CramGrains.Client.Connection;

namespace CramGrains.Client.Commands;

/// <summary>Commands that need the training library and no cluster: handed to the silo's program as they are, since this process never loads torch.</summary>
internal static class LocalVerbs
{
    private static readonly (string Name, string Description)[] Verbs =
    [
        ("data", "Prepares, lists, shows, verifies and exports corpora."),
        ("estimate", "Says what a recipe costs: parameters, FLOPs, tokens in the budget, memory."),
        ("schedules", "Draws learning rate, batch and masking of a recipe, or every schedule, as SVG."),
        ("pretrain", "Pretrains a recipe on this machine, without a cluster."),
        ("study", "Runs recipes at equal budgets on this machine and compares them: held-out loss, GLUE, ablations, a ladder of budgets."),
        ("glue", "Fine-tunes and scores models on GLUE on this machine; submit and check zips for the test server."),
        ("fill-mask", "Fills [MASK] in texts with a run or another model."),
        ("predict", "Answers texts with a fine-tuned model."),
        ("export", "Writes a trained model as a folder that Hugging Face transformers opens."),
        ("bench", "Measures pretraining on this machine's device: tokens/s, MFU, optimizer step, memory."),
    ];

    /// <summary>Commands for the list that help shows; <see cref="TryRunAsync"/> has taken their calls before they are parsed.</summary>
    public static IEnumerable<Command> Create() => Verbs.Select(verb => new Command(verb.Name, verb.Description));

    /// <summary>Runs the verb in the silo's program, help included; null when the line begins with none.</summary>
    public static async Task<int?> TryRunAsync(string[] arguments, CancellationToken cancellationToken) =>
        arguments is [var first, ..] && Verbs.Any(verb => verb.Name == first) ? await SiloProgram.RunAsync(arguments, cancellationToken) : null;
}
