using System.Globalization;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Recipes;

namespace CramGrains.Model.Tests.Evaluation;

/// <summary>A temporary folder of GLUE files in the official layouts.</summary>
public sealed class GlueFolder : IDisposable
{
    private static Dictionary<GlueTaskName, string> Headers { get; } = new()
    {
        [GlueTaskName.Sst2] = "sentence\tlabel",
        [GlueTaskName.Mrpc] = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
        [GlueTaskName.Stsb] = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore",
        [GlueTaskName.Qqp] = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate",
        [GlueTaskName.Mnli] = "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
            + "\tsentence1\tsentence2\tlabel1\tgold_label",
        [GlueTaskName.Qnli] = "index\tquestion\tsentence\tlabel",
        [GlueTaskName.Rte] = "index\tsentence1\tsentence2\tlabel",
        [GlueTaskName.Wnli] = "index\tsentence1\tsentence2\tlabel",
    };

    public string Root { get; } = Directory.CreateTempSubdirectory("cram-glue-").FullName;

    /// <summary>Writes the same rows as training and as every dev file.</summary>
    public void Write(GlueTaskName task, params (string First, string Second, string Label)[] rows)
    {
        var description = GlueTask.Of(task);
        foreach (var file in description.Evaluations.Prepend(description.Train))
        {
            WriteFile(task, file.FileName, rows);
        }
    }

    public void WriteFile(GlueTaskName task, string fileName, params (string First, string Second, string Label)[] rows)
    {
        var lines = rows.Select((row, i) => Row(task, i.ToString(CultureInfo.InvariantCulture), row));
        WriteText(task, fileName, string.Concat((Headers.TryGetValue(task, out string? header) ? lines.Prepend(header) : lines).Select(line => line + "\n")));
    }

    public void WriteText(GlueTaskName task, string fileName, string text) => File.WriteAllText(PathOf(task, fileName), text);

    public string PathOf(GlueTaskName task, string fileName) =>
        Path.Combine(Directory.CreateDirectory(Path.Combine(Root, GlueTask.Of(task).Folder)).FullName, fileName);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static string Row(GlueTaskName task, string index, (string First, string Second, string Label) row) => task switch
    {
        GlueTaskName.Cola => $"gj04\t{row.Label}\t*\t{row.First}",
        GlueTaskName.Sst2 => $"{row.First}\t{row.Label}",
        GlueTaskName.Mrpc => $"{row.Label}\t70{index}\t71{index}\t{row.First}\t{row.Second}",
        GlueTaskName.Stsb => $"{index}\tmain-captions\tMSRvid\t2012test\t0001\tnone\tnone\t{row.First}\t{row.Second}\t{row.Label}",
        GlueTaskName.Qqp => $"{index}\t1\t2\t{row.First}\t{row.Second}\t{row.Label}",
        GlueTaskName.Mnli => $"{index}\t1\t1e\tfiction\t( a )\t( b )\t(ROOT a)\t(ROOT b)\t{row.First}\t{row.Second}\tneutral\t{row.Label}",
        _ => $"{index}\t{row.First}\t{row.Second}\t{row.Label}",
    };
}
