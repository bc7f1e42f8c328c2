using System.CommandLine;
using System.Globalization;
using CramGrains.Model.Data;
using CramGrains.Model.Studies;

namespace CramGrains.Silo.Commands;

/// <summary><c>cram study</c>: recipes at equal budgets, each on one device, with a table, curves and a fit over budgets.</summary>
internal static class StudyCommand
{
    /// <summary>Runs one command line, without the leading <c>study</c>.</summary>
    public static int Run(string[] arguments) => Run(arguments, CancellationToken.None);

    /// <summary>As <see cref="Run(string[])"/>, with somebody else who may interrupt it.</summary>
    internal static int Run(string[] arguments, CancellationToken cancellation)
    {
        var options = new StudyOptions();
        var command = new Command(
            "study",
            "Runs recipes at equal budgets on one device of this machine, without a cluster, and compares them. Run again, it goes on where it was; run once for each device, with the same --out, "
            + "the processes share the work.\n\nExamples:\n"
            + "  cram study studies/mini-cram.json --corpus ~/text --glue ~/glue --out mini-cram\n  cram study studies/mini-cram.json --out mini-cram --max-time 9m --only modern@8m\n"
            + "  cram study studies/mini-cram.json --corpus ~/text --export-tokens rows.u16")
        {
            options.File, options.Output, options.Corpus, options.Tokens, options.RowOrder, options.HeldOutRows, options.Vocabulary, options.ExportTokens, options.Glue, options.Only,
            options.Budget, options.Seeds, options.PretrainOnly, options.MaximumTime, options.Keep, options.Corpora, options.Cache, options.Device, options.Json,
        };
        command.SetAction(parsed =>
        {
            int code = CommandLineRun.Done;
            LocalDevice.UntilInterrupted(signalled =>
            {
                using var interrupted = CancellationTokenSource.CreateLinkedTokenSource(signalled, cancellation);
                using var stop = new StudyStop(StudyOptions.Time(parsed.GetValue(options.MaximumTime)), interrupted.Token);
                try
                {
                    code = Execute(options.Read(parsed), stop);
                }
                catch (OperationCanceledException) when (stop.IsTimeOver)
                {
                    code = NotFinished(stop); // while a corpus was prepared
                }

                interrupted.Token.ThrowIfCancellationRequested();
            });
            return code;
        });
        return CommandLineRun.Run(command, arguments);
    }

    private static int Execute(StudyRequest asked, StudyStop stop)
    {
        using var corpora = new StudyCorpora(asked.Sources, stop.Token);
        if (asked.ExportTokens is { } file)
        {
            Export(asked.Study, corpora, file);
            return CommandLineRun.Done;
        }

        var folder = new StudyFolder(asked.Output ?? throw new ArgumentException("--out DIR is needed: the folder of the study's results."));
        LocalPretraining.RequireFolder(folder.Root);
        var device = LocalDevice.Choose(asked.Device);
        using var alone = folder.TakeDevice(device.ToString());
        using var gpu = LocalDevice.Take(device, "cram study");
        StudyGlueRuns? glue = null;
        StudyRuns? runs = null;
        (string Table, string Json) Report()
        {
            using var writing = folder.Claim("table", TimeSpan.FromSeconds(30)); // others write theirs
            runs!.Find();
            glue?.Find();
            return StudyReport.Write(folder.Root, asked.Study.Definition, runs.Results, glue?.Results ?? []);
        }

        runs = new StudyRuns(asked.Study, folder, corpora, device, asked.Cache, asked.Keep, Console.Error.WriteLine, () => Report());
        if (asked.Study.Definition.Glue is not null && !asked.PretrainOnly && asked.Sources.GlueFolder is { } files)
        {
            glue = new StudyGlueRuns(asked.Study, runs, folder, corpora, files, device, asked.Cache, Console.Error.WriteLine, () => Report());
            glue.CheckFiles();
        }
        else if (asked.Study.Definition.Glue is not null)
        {
            Console.Error.WriteLine(asked.PretrainOnly ? "GLUE is not run in this call." : "GLUE is not run: give its files with --glue DIR.");
        }

        runs.Find();
        glue?.Find();
        bool complete = runs.Run(cell => asked.IsSelected(cell) || glue?.ChoosesFor(asked.IsSelected, cell) == true, stop);
        complete = complete && (glue?.Run(asked.IsSelected, stop) ?? true);
        var (table, json) = Report();
        Console.WriteLine(asked.Json ? json : table);
        return complete ? CommandLineRun.Done : NotFinished(stop);
    }

    private static int NotFinished(StudyStop stop)
    {
        Console.Error.WriteLine(stop.IsTimeOver ? "Not finished: --max-time is over. The same command goes on from here." : "Not finished. The same command goes on from here.");
        return CommandLineRun.NotFinished;
    }

    private static void Export(Study study, StudyCorpora corpora, string file)
    {
        var recipe = study.RecipeOf(study.Cells[0], null);
        var corpus = corpora.Of(recipe);
        var (heldOut, rows) = TokenFile.Export(file, corpus.HeldOut, corpus.Training, recipe.HeldOut.Rows);
        if (corpus.Vocabulary is { } vocabulary)
        {
            File.WriteAllLines(file + ".vocab.txt", vocabulary);
        }

        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{file}: {rows} rows of {corpus.Training.SequenceLength} tokens, little-endian 16-bit; the first {heldOut} are held out. Vocabulary in {file}.vocab.txt. Read it again with --tokens {file} --held-out-rows {heldOut}."));
    }
}
