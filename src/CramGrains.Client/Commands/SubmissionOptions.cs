using System.CommandLine;
using System.Security.Cryptography;
using CramGrains.Client.Connection;
using CramGrains.Interfaces.Runs;

namespace CramGrains.Client.Commands;

/// <summary>What <c>submit</c> and <c>quickstart</c> share: the options that make a run, and the making of it.</summary>
internal sealed class SubmissionOptions
{
    private const string RunIdLetters = "abcdefghjkmnpqrstuvwxyz23456789"; // None that is mistaken for another.

    private readonly Option<string> _name = new("--name") { Description = "Name of the run, for people. Default: the recipe's.", HelpName = "NAME" };
    private readonly Option<string> _budget = new("--budget") { Description = "Training wall-clock allowed, such as 60s, 5m or 24h; or tokens or compute, such as 500Mtokens or 13.4exaflop. Default: the recipe's.", HelpName = "BUDGET" };
    private readonly Option<string[]> _corpus = new("--corpus")
    {
        Description = "Text files or folders to train on, instead of the recipe's sources.", HelpName = "PATH...", AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<string> _glue = new("--glue") { Description = "Folder with GLUE in its official TSV layout (CoLA/, SST-2/, ...). Without it fine-tuning is skipped.", HelpName = "DIR" };
    private readonly Option<string[]> _set = new("--set") { Description = "Replaces one setting of the recipe, such as training.optimizer.learning_rate=1e-3. May be repeated.", HelpName = "KEY=VALUE" };

    private readonly Option<int> _priority = new("--priority") { Description = "Higher goes first, and preempts lower by checkpoint; -1000 to 1000.", HelpName = "N" };
    private readonly Option<string> _after = new("--after") { Description = "Start only once that run has succeeded; cancelled if it does not.", HelpName = "RUN" };
    private readonly Option<bool> _hold = new("--hold") { Description = "Accept it, but start nothing until `cram release`." };
    private readonly Option<string> _requeue = new("--requeue")
    {
        Description = "Where it may go on after losing its device: any, same-machine or never (then it is never preempted).", HelpName = "POLICY",
    };

    private readonly Option<int?> _maxAttempts = new("--max-attempts") { Description = "Failed attempts after which it gives up. Default: the silo's setting.", HelpName = "N" };
    private readonly Option<string> _minGpuMemory = new("--min-gpu-memory") { Description = "Only a GPU with so much memory will do, such as 48GiB. Default: by the recipe.", HelpName = "SIZE" };
    private readonly Option<string> _minCapability = new("--min-capability") { Description = "Only a GPU of this compute capability will do, such as 8.0.", HelpName = "N.N" };
    private readonly Option<string> _user = new("--user") { Description = "Whose share of the devices it counts to. Default: you.", HelpName = "NAME" };

    public SubmissionOptions()
    {
        _corpus.Validators.Add(given => given.RefuseBlank("--corpus", "Give text files or folders, or leave it out."));
        _glue.Validators.Add(given => given.RefuseBlank("--glue", "Give the folder that holds CoLA/, MRPC/ and so on, or leave it out."));
        _after.Validators.Add(given => given.RefuseBlank("--after", "Give a run, or leave it out."));
    }

    /// <summary>Adds the options that say when and where it runs.</summary>
    public void AddSchedulingTo(Command command)
    {
        foreach (var option in new Option[] { _priority, _after, _hold, _requeue, _maxAttempts, _minGpuMemory, _minCapability, _user })
        {
            command.Add(option);
        }
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _name, _budget, _corpus, _glue, _set })
        {
            command.Add(option);
        }
    }

    /// <summary>Reads the recipe and the options; what the recipe says is for the silo to judge.</summary>
    /// <exception cref="CommandException">A file is missing or a budget cannot be read.</exception>
    public SubmitRun Read(ParseResult parsed, string recipe)
    {
        var path = RecipeFiles.Find(recipe);
        var budget = parsed.GetValue(_budget);
        string[] work = budget is not null && BudgetText.IsOfWork(budget) ? [$"budget={budget}"] : [];
        var remote = parsed.Target().Address is not null;
        return new SubmitRun(
            NewRunId(), parsed.GetValue(_name), RecipeFiles.Read(path), path, [.. parsed.GetValue(_set) ?? [], .. work],
            budget is not null && work.Length == 0 ? BudgetText.Seconds(budget) : null,
            [.. (parsed.GetValue(_corpus) ?? []).Select(given => Existing("--corpus", given, remote))],
            parsed.GetValue(_glue) is { } glue ? Existing("--glue", glue, remote) : null,
            parsed.GetValue(_user) is { Length: > 0 } user ? user : Environment.UserName,
            parsed.GetValue(_priority), parsed.GetValue(_after), parsed.GetValue(_hold), NeedsText.Requeue(parsed.GetValue(_requeue)), parsed.GetValue(_maxAttempts),
            NeedsText.Bytes(parsed.GetValue(_minGpuMemory)), NeedsText.Capability(parsed.GetValue(_minCapability)));
    }

    /// <summary>Submits; asking again after a lost answer is safe, since the run id is the same.</summary>
    /// <exception cref="CommandException">Refused; the message lists every reason.</exception>
    public static async Task SubmitAsync(CramSession session, SubmitRun request, CancellationToken cancellationToken)
    {
        if (request.After is { } before)
        {
            request = request with { After = await session.ResolveRunAsync(before) };
        }

        var outcome = await session.AskAsync(s => s.Run(request.RunId).SubmitAsync(request), cancellationToken);
        if (!outcome.Accepted)
        {
            throw new CommandException(ExitCodes.Usage, string.Join('\n', outcome.Problems));
        }
    }

    /// <summary>Ids sort by time and are made by the client, so that a submit sent twice is one run.</summary>
    private static string NewRunId() => $"r-{DateTime.UtcNow:yyyyMMdd-HHmmss}-{RandomNumberGenerator.GetString(RunIdLetters, 5)}";

    private static string Existing(string option, string given, bool remote)
    {
        if (given.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || given.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            return given;
        }

        var path = Path.GetFullPath(given);
        return remote || given.Contains('*') || File.Exists(path) || Directory.Exists(path) // Paths of a cluster elsewhere are that machine's.
            ? path
            : throw new CommandException(ExitCodes.Usage, $"{option} {given}: there is no such file or folder.");
    }
}
