using System.Text.Json;
using CramGrains.Model.Studies;
using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Commands;

/// <summary>The files that a study is read from: <c>table.md</c>, <c>study.json</c>, <c>curves.csv</c> and <c>curves.svg</c>, written anew after every result.</summary>
internal static class StudyReport
{
    /// <summary>Writes them.</summary>
    /// <returns>The table and the JSON.</returns>
    public static (string Table, string Json) Write(string folder, StudyDefinition study, IReadOnlyList<StudyCellResult> cells, IReadOnlyList<StudyGlueResult> glue)
    {
        var summary = StudySummary.Of(study, cells, glue);
        string table = StudyTable.Markdown(summary);
        string json = JsonSerializer.Serialize(new { Study = study, Summary = summary, Cells = cells, Glue = glue }, StudyJson.Options) + "\n";
        AtomicFile.WriteText(Path.Combine(folder, "table.md"), table);
        AtomicFile.WriteText(Path.Combine(folder, "study.json"), json);
        AtomicFile.WriteText(Path.Combine(folder, "curves.csv"), StudyCurves.Csv(cells));
        AtomicFile.WriteText(Path.Combine(folder, "curves.svg"), StudyCurves.Svg(study.Name, cells));
        return (table, json);
    }
}
