using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Artefacts;

/// <summary>Where the files that a submit names lie, and what is there.</summary>
/// <param name="Machine">The machine that has them.</param>
/// <param name="CorpusRequest">Names the corpus; null when it cannot be made of that machine's files.</param>
/// <param name="GlueTasks">GLUE tasks that can be run, in kebab case.</param>
/// <param name="Notices">About tasks that cannot.</param>
/// <param name="Problems">Why the run cannot be accepted; empty when it can.</param>
[GenerateSerializer, Immutable, Alias("cram.FoundSources")]
internal sealed record FoundSources(
    [property: Id(0)] string Machine,
    [property: Id(1)] string? CorpusRequest,
    [property: Id(2)] IReadOnlyList<string> GlueTasks,
    [property: Id(3)] IReadOnlyList<string> Notices,
    [property: Id(4)] IReadOnlyList<string> Problems);

/// <summary>Finds the machine whose disk has what a submit names by path: this one if it has it, else any other that is up.</summary>
internal interface ISourceFinder
{
    /// <param name="recipe">The run's recipe.</param>
    /// <param name="request">What was submitted.</param>
    Task<FoundSources> FindAsync(Recipe recipe, SubmitRun request);
}

/// <summary>Looks on this machine's disk only.</summary>
internal sealed class LocalSources(IOptions<SiloOptions> silo) : ISourceFinder
{
    public async Task<FoundSources> FindAsync(Recipe recipe, SubmitRun request)
    {
        (string? corpus, IReadOnlyList<string> problems) = CorpusRequest.Name(recipe.Corpus, request.GlueFolder);
        if (request.GlueFolder is { } folder && !Directory.Exists(folder))
        {
            problems = [.. problems, $"GLUE folder {folder} does not exist on {silo.Value.Machine}. Give the folder that holds CoLA/, MRPC/ and so on."];
        }

        if (problems.Count > 0)
        {
            return new FoundSources(silo.Value.Machine, null, [], [], problems);
        }

        (IReadOnlyList<string> tasks, IReadOnlyList<string> notices) = GlueFiles.Plan(recipe.FineTuning.Tasks, request.GlueFolder);
        // All of GLUE takes seconds to read, which is too long for a turn of a grain.
        problems = await Task.Run(() => GlueFiles.Problems(recipe.FineTuning.Tasks, tasks, request.GlueFolder));
        return new FoundSources(silo.Value.Machine, corpus, tasks, notices, problems);
    }
}

/// <summary>Looks here, then asks the other machines, until one has both the corpus's sources and the GLUE files.</summary>
internal sealed class ClusterSources(LocalSources here, IMachines machines, IGrainFactory grains) : ISourceFinder
{
    public async Task<FoundSources> FindAsync(Recipe recipe, SubmitRun request)
    {
        FoundSources found = await here.FindAsync(recipe, request);
        var problems = new List<string>();
        foreach (string machine in machines.Alive.Keys.Where(machine => machine != machines.Own).Order(StringComparer.Ordinal).Prepend(machines.Own))
        {
            if (machine != machines.Own)
            {
                try
                {
                    found = await grains.GetGrain<IShelfGrain>($"{machine}/shelf").FindSourcesAsync(request);
                }
                catch (Exception problem) when (problem is OrleansException or TimeoutException)
                {
                    problems.Add($"{machine} does not answer");
                    continue;
                }
            }

            if (found.Problems.Count == 0)
            {
                return found;
            }

            problems.AddRange(found.Problems.Select(problem => $"{machine}: {problem}"));
        }

        return found with { Problems = problems };
    }
}
