using System.CommandLine;
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
    public static int Run(RootCommand command, string[] arguments)
    {
        // '@' begins no name of a file with more arguments: studies name their grids so, and fill-mask takes any text.
        var parsed = command.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0)
        {
            parsed.Invoke();
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
}
