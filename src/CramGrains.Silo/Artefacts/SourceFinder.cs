using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Data;
using CramGrains.Silo.Evaluation;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Scheduling;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Artefacts;

/// <summary>Where the files that a submit names lie.</summary>
/// <param name="Machine">The machine that has the corpus's sources.</param>
/// <param name="CorpusRequest">Names the corpus; null when no machine has its sources.</param>
/// <param name="Glue">Tasks that can be run, and notices.</param>
/// <param name="Problems">Why the run cannot be accepted; empty when it can.</param>
internal sealed record FoundSources(string Machine, string? CorpusRequest, GluePlan Glue, IReadOnlyList<string> Problems);

/// <summary>Finds the machine whose disk has what a submit names by path: this one if it has it, else any other that is up; those that operators have taken out of use come last.</summary>
internal interface ISourceFinder
{
    Task<FoundSources> FindAsync(Recipe recipe, string? glueFolder);
}

/// <summary>For a silo that is a cluster of its own: there is only this disk.</summary>
internal sealed class LocalSources(IOptions<SiloOptions> silo) : ISourceFinder
{
    public async Task<FoundSources> FindAsync(Recipe recipe, string? glueFolder)
    {
        (string? request, IReadOnlyList<string> problems) = CorpusRequest.Name(recipe.Corpus, glueFolder);
        if (glueFolder is not null && !Directory.Exists(glueFolder))
        {
            problems = [.. problems, $"GLUE folder {glueFolder} does not exist on {silo.Value.Machine}. Give the folder that holds CoLA/, MRPC/ and so on."];
        }

        // All of GLUE takes seconds to read, which is too long for a turn of the grain that asks.
        GluePlan glue = problems.Count == 0 ? await Task.Run(() => GlueFiles.Plan(recipe.FineTuning.Tasks, glueFolder)) : new GluePlan([], [], []);
        return new FoundSources(silo.Value.Machine, request, glue, [.. problems, .. glue.Problems]);
    }
}

/// <summary>For a member of a cluster: asks the other machines too.</summary>
internal sealed class ClusterSources(IMachines machines, IGrainFactory grains, IOptions<SiloOptions> silo) : ISourceFinder
{
    public async Task<FoundSources> FindAsync(Recipe recipe, string? glueFolder)
    {
        string own = silo.Value.Machine;
        HashSet<string> closed = await ClosedAsync();
        string[] all = [.. machines.Alive.Keys.Append(own).Distinct().OrderBy(closed.Contains).ThenBy(machine => machine != own).ThenBy(machine => machine, StringComparer.Ordinal)];
        string json = RecipeJson.ToCanonicalJson(recipe);
        var problems = new List<string>();
        (string machine, string? request) = (own, null);
        foreach (string asked in all)
        {
            CorpusNaming? named = await AskAsync<CorpusNaming>(async () => await grains.GetGrain<IShelfGrain>($"{asked}/shelf").NameCorpusAsync(json, glueFolder));
            if (named?.Digest is not null)
            {
                (machine, request) = (asked, named.Digest);
                break;
            }

            problems.AddRange(named?.Problems.Select(problem => $"{asked}: {problem}") ?? [$"{asked}: does not answer"]);
        }

        if (request is not null)
        {
            problems.Clear();
        }

        GluePlan? glue = null;
        if (glueFolder is null)
        {
            glue = GlueFiles.Plan(recipe.FineTuning.Tasks, null);
        }
        else
        {
            foreach (string asked in all)
            {
                if ((glue = await AskAsync(() => grains.GetGrain<IShelfGrain>($"{asked}/shelf").PlanGlueAsync(recipe.FineTuning.Tasks, glueFolder))) is not null)
                {
                    break;
                }
            }
        }

        if (glue is null)
        {
            problems.Add($"GLUE folder {glueFolder} does not exist on any machine that is up ({string.Join(", ", all)}). Give the folder that holds CoLA/, MRPC/ and so on.");
        }

        return new FoundSources(machine, request, glue ?? new GluePlan([], [], []), [.. problems, .. glue?.Problems ?? []]);
    }

    /// <summary>Machines with nothing but cordoned or drained devices: a corpus would wait there for as long as they are. Not to know them is no reason to refuse a run.</summary>
    private async Task<HashSet<string>> ClosedAsync()
    {
        IReadOnlyList<DeviceView>? devices = await AskAsync<IReadOnlyList<DeviceView>>(async () => await grains.GetGrain<ISchedulerGrain>(SchedulerKey.Default).ListDevicesAsync());
        return [.. (devices ?? []).GroupBy(device => device.Machine).Where(devicesOf => devicesOf.All(device => device.OrderedBy is not null)).Select(devicesOf => devicesOf.Key)];
    }

    private static async Task<T?> AskAsync<T>(Func<Task<T?>> ask) where T : class
    {
        try
        {
            return await ask();
        }
        catch (Exception problem) when (problem is OrleansException or TimeoutException)
        {
            return null;
        }
    }
}
