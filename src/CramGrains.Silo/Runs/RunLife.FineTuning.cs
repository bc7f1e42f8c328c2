using System.Globalization;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Evaluation;

namespace CramGrains.Silo.Runs;

/// <summary>Fine-tuning: one task and seed each on any free device, gathered here.</summary>
internal sealed partial class RunLife
{
    private async Task<bool> FineTuneAsync()
    {
        bool changed = false;
        GlueTaskView? shown = null;
        foreach (GlueItem item in state.Glue.Where(g => !g.Ended))
        {
            GlueTaskView view = await GlueTask(item).EnsureAsync(Order(item));
            if (view.Ended)
            {
                Settle(item, view);
                changed = true;
            }
            else if (shown?.Progress is null && (shown is null || view.Progress is not null))
            {
                shown = view; // the first that is at work, else the first that waits
            }
        }

        int ended = state.Glue.Count(g => g.Ended);
        if (ended == state.Glue.Count)
        {
            return await EndFineTuningAsync();
        }

        Show(
            string.Create(CultureInfo.InvariantCulture, $"{ended} of {state.Glue.Count} fine-tunings done; {(shown?.Progress is null && Policy.HeldBy is { } by ? $"held by {by}" : shown?.Message)}"),
            shown?.Progress);
        if (changed)
        {
            await world.SaveAsync();
        }

        return false;
    }

    private void Settle(GlueItem item, GlueTaskView view)
    {
        item.Ended = true;
        item.Reason = view.Reason;
        item.Message = view.Message;
        item.Scores = [.. view.Scores];
        AddNotices(view.Notices);
        world.Note(view.Reason == TerminationReason.Completed
            ? $"{item.Task} seed {item.Seed}: " + string.Join(", ", view.Scores.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Task} {s.Metric} {s.Value:0.0000}")))
            : $"{item.Task} seed {item.Seed} ended: {Words.Of(view.Reason)}: {view.Message}");
        foreach (GlueScore score in view.Scores)
        {
            world.PublishScore(score);
        }
    }

    /// <summary>A fine-tuning that fails keeps none of the others from being measured; the run then ends with its reason, and the scores are kept.</summary>
    private Task<bool> EndFineTuningAsync()
    {
        List<GlueItem> failed = [.. state.Glue.Where(g => g.Reason != TerminationReason.Completed)];
        return failed.Count == 0
            ? EndAsync(TerminationReason.Completed, $"pretraining and {state.Glue.Count} fine-tunings done")
            : EndAsync(failed[0].Reason, string.Join("; ", failed.Select(f => $"{f.Task} seed {f.Seed}: {f.Message}")));
    }

    private async Task<bool> CancelFineTuningAsync()
    {
        foreach (GlueItem item in state.Glue.Where(g => !g.Ended))
        {
            IGlueTaskGrain task = GlueTask(item);
            await task.CancelAsync();
            GlueTaskView view = await task.EnsureAsync(Order(item));
            if (view.Ended)
            {
                Settle(item, view);
            }
        }

        return state.Glue.TrueForAll(g => g.Ended);
    }

    private GlueTaskOrder Order(GlueItem item) => new(
        RunId, item.Task, item.Seed, state.RecipeJson, state.CorpusDigest!, state.Request!.GlueFolder!, BoundTo, state.SubmittedAt, state.Request.Priority, Policy with
        {
            MinMemoryBytes = state.Request.MinGpuMemoryBytes ?? 0, // the recipe's own estimate is of pretraining
        });

    private IGlueTaskGrain GlueTask(GlueItem item) => world.GlueTask(string.Create(CultureInfo.InvariantCulture, $"{RunId}/{item.Task}/{item.Seed}"));
}
