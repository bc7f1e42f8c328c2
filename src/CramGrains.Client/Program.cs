using System.CommandLine;
using System.CommandLine.Help;
using CramGrains.Client;
using CramGrains.Client.Commands;
using CramGrains.Client.Rendering;

PipedOutput.Install();
var root = new RootCommand("Trains a BERT from scratch in one day on one GPU, and runs a lab full of such GPUs as one cluster.")
{
    CommonOptions.Home, CommonOptions.Cluster, CommonOptions.Json,
    QuickstartCommand.Create(), SiloCommands.CreateUp(), SiloCommands.CreateDown(), SubmitCommand.Create(),
    RunCommands.CreateRuns(), RunCommands.CreateShow(), WatchCommand.Create(), RunCommands.CreateLogs(), RunCommands.CreateResults(),
    DevicesCommand.Create(), DoctorCommand.Create(),
};
foreach (var control in RunControlCommands.Create().Concat(DeviceControlCommands.Create()))
{
    root.Add(control);
}

foreach (var verb in LocalVerbs.Create())
{
    root.Add(verb);
}

var help = root.Options.OfType<HelpOption>().Single();
help.Action = new HelpWithExamples((HelpAction)help.Action!);

try
{
    if (await LocalVerbs.TryRunAsync(args) is { } code)
    {
        return code;
    }

    var parsed = root.Parse(args);
    if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples) // Who asks for help need not give what is required.
    {
        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync($"error: {error.Message}");
        }

        await Console.Error.WriteLineAsync($"`{string.Join(' ', CommandPath(parsed))} --help` shows how.");
        return ExitCodes.Usage;
    }

    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(2) });
}
catch (Exception problem) when (Failures.Explain(problem) is { } failure)
{
    if (failure.Message.Length > 0)
    {
        await Console.Error.WriteLineAsync($"error: {failure.Message}");
    }

    return failure.ExitCode;
}

static IEnumerable<string> CommandPath(ParseResult parsed) =>
    parsed.CommandResult.Command is RootCommand ? ["cram"] : ["cram", parsed.CommandResult.Command.Name];
