using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using CramGrains.Model;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Export;

namespace CramGrains.Silo.Commands;

/// <summary>Runs a local command: what went wrong goes to standard error, and the exit code says whose fault it was.</summary>
internal static class CommandLineRun
{
    /// <summary>Exit codes; <c>NotFinished</c> is sysexits' EX_TEMPFAIL: all is well, and the same command goes on.</summary>
    public const int Done = 0, Failed = 1, Usage = 2, NotFinished = 75, Interrupted = 130;

    /// <summary>Parses and runs.</summary>
    public static int Run(Command command, string[] arguments)
    {
        var parsed = Parse(command, arguments);
        if (IsRefused(parsed))
        {
            return Usage;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception problem) when (problem is ArgumentException or ExportException or GlueException or CorpusException or FileNotFoundException or DirectoryNotFoundException)
        {
            Console.Error.WriteLine(problem.Message);
            return Usage;
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or UnauthorizedAccessException or TorchLoadException or NotSupportedException
            or NonFiniteFineTuningLossException or ArithmeticException or CheckpointMismatchException or StaleLeaseException or System.Runtime.InteropServices.ExternalException)
        {
            Console.Error.WriteLine(problem.Message);
            return Failed;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Interrupted.");
            return Interrupted;
        }
    }

    /// <summary>Parses what follows a verb of <c>cram</c>, so that help shows the line as people type it, though it is this program that answers.</summary>
    /// <param name="verb">The command, named by its verb.</param>
    /// <param name="arguments">Without the verb.</param>
    public static ParseResult Parse(Command verb, string[] arguments)
    {
        var cram = new Command("cram") { verb };
        cram.Options.Add(new HelpOption());
        // '@' begins no name of a file with more arguments: studies name their grids so, and fill-mask takes any text.
        return cram.Parse([verb.Name, .. arguments], new ParserConfiguration { ResponseFileTokenReplacer = null });
    }

    /// <summary>Refuses a count below one instead of taking it for one.</summary>
    public static Option<int> AtLeastOne(this Option<int> option)
    {
        option.Validators.Add(given =>
        {
            if (given.Tokens is [var token] && int.TryParse(token.Value, CultureInfo.InvariantCulture, out int count) && count < 1)
            {
                given.AddError($"{option.Name} must be 1 or more, got {count}.");
            }
        });
        return option;
    }

    /// <summary>Says what is wrong with a command line, each missing argument by its name, and shows help; false where nothing is.</summary>
    public static bool IsRefused(ParseResult parsed)
    {
        if (parsed.Errors.Count == 0)
        {
            return false;
        }

        foreach (var error in parsed.Errors)
        {
            Console.Error.WriteLine(error.SymbolResult is ArgumentResult { Tokens.Count: 0, Parent: CommandResult } missing
                ? $"{missing.Argument.Name} is missing. {missing.Argument.Description}"
                : error.Message);
        }

        new HelpAction().Invoke(parsed);
        return true;
    }
}
