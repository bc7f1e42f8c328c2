using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Artefacts;

namespace CramGrains.Silo.Runs;

/// <summary>What a submit must bring to be accepted.</summary>
internal sealed partial class RunGrain
{
    private const int HighestPriority = 1000;

    /// <summary>Fills the state from a request, in memory.</summary>
    /// <returns>The reasons why the run cannot be accepted; empty when it is.</returns>
    private async Task<IReadOnlyList<string>> AcceptAsync(SubmitRun request)
    {
        if (request.RunId != RunId || !RunIds.IsValid(RunId))
        {
            return [$"run id must be 1 to 100 letters, digits, '.', '_' or '-', starting with a letter or digit, got '{request.RunId}'."];
        }

        (Recipe? recipe, IReadOnlyList<string> problems) = RecipeGate.Load(request);
        if (recipe is null)
        {
            return problems;
        }

        FoundSources found = await _sources.FindAsync(recipe, request.GlueFolder);
        problems = [.. found.Problems, .. await PolicyProblemsAsync(request)];
        if (found.CorpusRequest is null || problems.Count > 0)
        {
            return problems;
        }

        State.Request = request;
        State.Name = request.Name is { Length: > 0 } name ? name : recipe.Name;
        State.RecipeJson = RecipeJson.ToCanonicalJson(recipe);
        State.RecipeDigest = RecipeJson.Digest(recipe);
        State.Track = PaperTrack.Of(recipe);
        State.HeldBy = request.Hold ? request.User : null;
        State.MinMemoryBytes = request.MinGpuMemoryBytes ?? Memory(recipe);
        State.BudgetSeconds = recipe.BudgetHours * 3600 ?? 0;
        State.State = RunState.Queued;
        State.Message = "accepted";
        State.SubmittedAt = _clock.UtcNow;
        State.CorpusRequest = found.CorpusRequest;
        State.Machine = found.Machine;
        State.Notices = [.. found.Glue.Notices];
        State.Glue =
        [
            .. from task in found.Glue.Tasks from seed in Enumerable.Range(0, recipe.FineTuning.Seeds) select new GlueItem { Task = task, Seed = recipe.Seed + seed },
        ];
        State.History = [new RunHistoryEntry(State.SubmittedAt, RunState.Queued, "accepted")];
        return [];
    }

    private async Task<IReadOnlyList<string>> PolicyProblemsAsync(SubmitRun request)
    {
        var problems = new List<string>();
        if (Math.Abs((long)request.Priority) > HighestPriority)
        {
            problems.Add($"priority must be from -{HighestPriority} to {HighestPriority}, got {request.Priority}. Most runs are fine with 0.");
        }

        if (request.MaxAttempts is < 1 or > 1000)
        {
            problems.Add($"max attempts must be from 1 to 1000, got {request.MaxAttempts}.");
        }

        if (request.MinGpuMemoryBytes < 0 || request.MinComputeCapability < 0)
        {
            problems.Add("GPU memory and compute capability must not be negative.");
        }

        if (!Enum.IsDefined(request.Requeue))
        {
            problems.Add($"requeue policy {(int)request.Requeue} is unknown to this silo. Use any, same-machine or never.");
        }

        if (request.After is { } before && (before == RunId || await GrainFactory.GetGrain<IRunGrain>(before).GetAsync() is null))
        {
            problems.Add($"there is no run {before} to run after. Give the id of a run that was submitted before.");
        }

        return problems;
    }

    private static long Memory(Recipe recipe)
    {
        RunEstimate estimate = RunEstimate.Of(recipe);
        return estimate.StateBytes + estimate.ActivationBytes;
    }
}
