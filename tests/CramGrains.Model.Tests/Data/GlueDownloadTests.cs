using System.IO.Compression;
using System.Text;
using CramGrains.Model.Data;
using CramGrains.Model.Data.Downloads;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Data;

public sealed class GlueDownloadTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_AllNineTasks_LaysThemOutAndCountsThem()
    {
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, Files.Value[request.Path]).CutAfter(2_000_000));
        var counts = Run(server);
        Assert.Equal(GlueTask.All.Sum(task => 1 + task.Evaluations.Length + task.Tests.Length), counts.Count);
        Assert.All(counts, count => Assert.Equal(count.OfficialRows, count.Rows));
        Assert.Equal(9, GlueReader.Available(Path.Combine(_folder.Path, "glue")).Count);

        // Dev pairs of MRPC are those that GLUE names, in the authors' order.
        var mrpc = GlueReader.Read(Path.Combine(_folder.Path, "glue"), GlueTaskName.Mrpc);
        Assert.Equal("left 0", mrpc.Evaluations[0].Examples[0].First);
        Assert.Equal("left 408", mrpc.Train.Examples[0].First);

        var requests = server.Requests.Count;
        Run(server);
        Assert.Equal(requests, server.Requests.Count);
    }

    [Fact]
    public async Task Run_FileWithFewerExamples_SaysWhich()
    {
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(
            request, request.Path == "/CoLA.zip" ? Zip(GlueTask.Of(GlueTaskName.Cola), rows => rows - 1) : Files.Value[request.Path]));
        var message = Assert.Throws<CorpusException>(() => Run(server)).Message;
        Assert.Contains("8550 examples, expected 8551", message);
        Assert.Contains(Path.Combine("CoLA", "train.tsv"), message);
    }

    [Theory]
    [InlineData(0.5, "not a whole zip file")]
    [InlineData(0.0, "")]
    public async Task Run_DamagedArchive_SaysSo(double keep, string reason)
    {
        var whole = Files.Value["/CoLA.zip"];
        var damaged = keep > 0 ? whole[..(int)(whole.Length * keep)] : (byte[])whole.Clone();
        damaged[damaged.Length / 3] ^= 16;
        await using var server = new LoopbackServer(request => LoopbackAnswer.Honest(request, request.Path == "/CoLA.zip" ? damaged : Files.Value[request.Path]));
        var message = Assert.Throws<CorpusException>(() => Run(server)).Message;
        Assert.Contains("CoLA", message);
        Assert.Contains(reason, message);
    }

    private IReadOnlyList<GlueFileCount> Run(LoopbackServer server) => GlueDownload.Run(
        Path.Combine(_folder.Path, "glue"), server.Address, new DownloadOptions { CacheFolder = Path.Combine(_folder.Path, "cache"), Time = new HurriedTime() },
        cancellationToken: TestContext.Current.CancellationToken);

    // Files with the official numbers of examples, named and packed as the official ones are.
    private static readonly Lazy<Dictionary<string, byte[]>> Files = new(() =>
    {
        var files = GlueTask.All.Where(task => task.Name != GlueTaskName.Mrpc).ToDictionary(
            task => task.Name switch { GlueTaskName.Qqp => "/QQP-clean.zip", GlueTaskName.Qnli => "/QNLIv2.zip", _ => $"/{task.Folder}.zip" }, task => Zip(task, rows => rows));
        const string Header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n";
        files["/msr_paraphrase_train.txt"] = Bytes(Header + string.Concat(Enumerable.Range(0, 3668 + 408).Select(i => $"{i % 2}\t{i}\t{i + 9000}\tleft {i}\tright \"{i}\r\n")));
        files["/msr_paraphrase_test.txt"] = Bytes(Header + string.Concat(Enumerable.Range(0, 1725).Select(i => $"{i % 2}\t{i}\t{i + 9000}\tleft {i}\tright {i}\r\n")));
        files["/mrpc_dev_ids.tsv"] = Bytes(string.Concat(Enumerable.Range(0, 408).Select(i => $"{i}\t{i + 9000}\n")));
        return files;
    });

    private static byte[] Zip(GlueTask task, Func<int, int> rows)
    {
        using var content = new MemoryStream();
        using (var zip = new ZipArchive(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var file in task.Evaluations.Concat(task.Tests).Prepend(task.Train))
            {
                using var writer = new StreamWriter(zip.CreateEntry($"{task.Folder}/{file.FileName}", CompressionLevel.Fastest).Open());
                var isTest = task.Tests.Contains(file);
                var isCola = task.Name == GlueTaskName.Cola;
                string[] columns = isCola && !isTest ? [] : [.. new[] { task.FirstColumn, task.SecondColumn, isTest ? null : task.LabelColumn }.OfType<string>()];
                if (columns.Length > 0)
                {
                    writer.Write(string.Join('\t', columns) + "\n");
                }

                var label = task.IsRegression ? "2.5" : task.Labels[0];
                for (var i = 0; i < rows(file.OfficialRows); i++)
                {
                    writer.Write(isCola && !isTest ? $"src\t{label}\t\tsentence {i}\n" : string.Join('\t', columns.Select(column => column == task.LabelColumn ? label : $"{column} {i}")) + "\n");
                }
            }
        }

        return content.ToArray();
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
