using System.IO.Compression;
using System.Text;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;
using ICSharpCode.SharpZipLib.Checksum;

namespace CramGrains.Model.Data.Downloads;

/// <summary>One GLUE file that was fetched and counted.</summary>
/// <param name="Task">Id of the task.</param>
/// <param name="File">Name of the file.</param>
/// <param name="Rows">Examples in it.</param>
/// <param name="OfficialRows">Examples in the official distribution.</param>
public sealed record GlueFileCount(string Task, string File, int Rows, int OfficialRows);

/// <summary>Fetches the nine GLUE tasks as their authors published them, and checks them by their numbers of examples.</summary>
public static class GlueDownload
{
    private const string Official = "https://dl.fbaipublicfiles.com/glue/data/";
    private const string OfficialParaphrase = "https://dl.fbaipublicfiles.com/senteval/senteval_data/";

    // MRPC was never redistributed as a zip: its authors' files, and which of their pairs GLUE took as dev set.
    private const string ParaphraseTrain = "msr_paraphrase_train.txt", ParaphraseTest = "msr_paraphrase_test.txt", ParaphraseDev = "mrpc_dev_ids.tsv";

    /// <summary>Fetches every task into a folder laid out as <see cref="GlueReader"/> reads it.</summary>
    /// <param name="folder">Receives <c>CoLA</c>, <c>SST-2</c> and so on; what is there is replaced.</param>
    /// <param name="from">An address under which all files lie beside each other; null for the official ones.</param>
    /// <param name="options">Cache, retries and clock.</param>
    /// <param name="progress">Receives reports of stage <c>downloading</c>.</param>
    /// <param name="cancellationToken">Stops; what arrived is kept for the next time.</param>
    /// <returns>What was counted, task by task.</returns>
    /// <exception cref="CorpusException">A file cannot be fetched, is damaged, or has another number of examples than the official one.</exception>
    public static IReadOnlyList<GlueFileCount> Run(
        string folder, Uri? from, DownloadOptions options, IProgress<CorpusProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(options);
        using var files = new RemoteFiles(options, progress, cancellationToken);
        var counts = new List<GlueFileCount>();
        foreach (var task in GlueTask.All)
        {
            var target = Directory.CreateDirectory(Path.Combine(folder, task.Folder)).FullName;
            if (task.Name == GlueTaskName.Mrpc)
            {
                Paraphrases(target, name => files.Address(new(CorpusSourceKind.Text, AddressOf(name, from).AbsoluteUri)));
            }
            else
            {
                Unzip(files.Address(new(CorpusSourceKind.Text, AddressOf(ZipOf(task.Name), from).AbsoluteUri)), task, target);
            }

            counts.AddRange(Count(folder, task));
        }

        return counts;
    }

    private static Uri AddressOf(string name, Uri? from) => from is not null
        ? new Uri(from.AbsoluteUri.TrimEnd('/') + "/" + name)
        : new Uri((name is ParaphraseTrain or ParaphraseTest ? OfficialParaphrase : Official) + name);

    private static string ZipOf(GlueTaskName task) => task switch
    {
        GlueTaskName.Qqp => "QQP-clean.zip",
        GlueTaskName.Qnli => "QNLIv2.zip",
        _ => GlueTask.Of(task).Folder + ".zip",
    };

    private static void Unzip(string path, GlueTask task, string target)
    {
        try
        {
            using var zip = ZipFile.OpenRead(path);
            foreach (var file in task.Evaluations.Concat(task.Tests).Prepend(task.Train))
            {
                // By folder and name alone: nothing in an archive chooses where a file is written.
                var entry = zip.Entries.FirstOrDefault(entry => entry.FullName.EndsWith($"{task.Folder}/{file.FileName}", StringComparison.OrdinalIgnoreCase)
                        && !entry.FullName.Contains("original", StringComparison.OrdinalIgnoreCase))
                    ?? throw new CorpusException($"{path}: holds no {task.Folder}/{file.FileName}; it has {string.Join(", ", zip.Entries.Take(20).Select(entry => entry.FullName))}. Fetch it again.");
                Write(Path.Combine(target, file.FileName), output => Copy(entry, output, path));
            }
        }
        catch (InvalidDataException problem)
        {
            throw new CorpusException($"{path}: not a whole zip file: {problem.Message} Delete it and fetch it again.", problem);
        }
    }

    private static void Copy(ZipArchiveEntry entry, Stream output, string path)
    {
        // The framework's reader does not compare checksums.
        var crc = new Crc32();
        using var input = entry.Open();
        var buffer = new byte[1 << 16];
        while (input.Read(buffer) is > 0 and var read)
        {
            crc.Update(new ArraySegment<byte>(buffer, 0, read));
            output.Write(buffer, 0, read);
        }

        if (crc.Value != entry.Crc32)
        {
            throw new CorpusException($"{path}: {entry.FullName} does not match its checksum, so the archive is damaged. Delete it and fetch it again.");
        }
    }

    private static void Paraphrases(string target, Func<string, string> fetch)
    {
        var dev = File.ReadLines(fetch(ParaphraseDev)).Select(line => line.Split('\t')).Where(ids => ids.Length == 2).Select(ids => (ids[0], ids[1])).ToHashSet();
        var pairs = File.ReadLines(fetch(ParaphraseTrain)).Skip(1).Select(line => line.TrimEnd('\r').Split('\t')).Where(fields => fields.Length == 5)
            .ToLookup(fields => dev.Contains((fields[1], fields[2])));
        const string Header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String";
        Lines(Path.Combine(target, "train.tsv"), Header, pairs[false].Select(fields => string.Join('\t', fields)));
        Lines(Path.Combine(target, "dev.tsv"), Header, pairs[true].Select(fields => string.Join('\t', fields)));
        var tests = File.ReadLines(fetch(ParaphraseTest)).Skip(1).Select(line => line.TrimEnd('\r').Split('\t')).Where(fields => fields.Length == 5);
        Lines(Path.Combine(target, "test.tsv"), "index\t#1 ID\t#2 ID\t#1 String\t#2 String", tests.Select((fields, index) => $"{index}\t{string.Join('\t', fields[1..])}"));
    }

    private static void Lines(string path, string header, IEnumerable<string> lines) => Write(path, output =>
    {
        using var writer = new StreamWriter(output, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        writer.WriteLine(header);
        foreach (var line in lines)
        {
            writer.WriteLine(line);
        }
    });

    private static void Write(string path, Action<Stream> content)
    {
        using (var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write))
        {
            content(file);
            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
    }

    private static List<GlueFileCount> Count(string folder, GlueTask task)
    {
        try
        {
            var data = GlueReader.Read(folder, task.Name);
            var counts = data.Evaluations.Prepend(data.Train).Concat(GlueReader.ReadTests(folder, task.Name))
                .Select(split => new GlueFileCount(task.Id, split.File.FileName, split.Examples.Count, split.File.OfficialRows)).ToList();
            return counts.Find(count => count.Rows != count.OfficialRows) is { } wrong
                ? throw new CorpusException($"{Path.Combine(folder, task.Folder, wrong.File)}: {wrong.Rows} examples, expected {wrong.OfficialRows}. The address serves something else than the official files.")
                : counts;
        }
        catch (GlueException problem)
        {
            throw new CorpusException(problem.Message, problem);
        }
    }
}
