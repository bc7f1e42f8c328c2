using CramGrains.Model.Checkpoints;
using CramGrains.Model.Evaluation;
using CramGrains.Model.Studies;

namespace CramGrains.Silo.Commands;

/// <summary>Pretrained models of a study, read from the folders of its cells. A few stay in memory, since each is fine-tuned many times and half a gigabyte to read.</summary>
internal sealed class StudyModels(StudyRuns runs, StudyFolder folder, StudyCorpora corpora) : IDisposable
{
    private const int InMemory = 4;

    private readonly Queue<(StudyCell Cell, LoadedCheckpoint Checkpoint, PretrainedEncoder Encoder)> _loaded = [];

    /// <summary>The model of a finished cell; valid until some others have been asked for.</summary>
    /// <exception cref="FileNotFoundException">Its weights are gone.</exception>
    /// <exception cref="CheckpointMismatchException">The weights there are not those of its result.</exception>
    public PretrainedEncoder Of(StudyCell cell)
    {
        foreach (var known in _loaded)
        {
            if (known.Cell == cell)
            {
                return known.Encoder;
            }
        }

        if (_loaded.Count == InMemory)
        {
            _loaded.Dequeue().Checkpoint.Dispose();
        }

        var model = Load(cell);
        _loaded.Enqueue(model);
        return model.Encoder;
    }

    public void Dispose()
    {
        foreach (var model in _loaded)
        {
            model.Checkpoint.Dispose();
        }
    }

    private (StudyCell Cell, LoadedCheckpoint Checkpoint, PretrainedEncoder Encoder) Load(StudyCell cell)
    {
        var recipe = runs.RecipeOf(cell)!;
        var store = LocalPretraining.Checkpoints(folder.Of(cell.Folder));
        var checkpoint = store.TryLoadNewest(out _)
            ?? throw new FileNotFoundException($"{store.Folder}: holds no weights of {cell.Name}, which GLUE needs. Delete {folder.Of(cell.Folder)} to pretrain it again.");
        try
        {
            string weights = PretrainedModel.IdentityOf(checkpoint.State.Manifest), expected = runs.Result(cell)!.Weights!;
            return weights == expected
                ? (cell, checkpoint, new(cell.Name, recipe.Architecture, checkpoint.State.Weights, StudyCorpora.Encoder(corpora.Of(recipe), recipe), Identity: weights))
                : throw new CheckpointMismatchException($"{checkpoint.Path}: holds weights {weights[..12]}, but the result of {cell.Name} is of {expected[..12]}. Delete {folder.Of(cell.Folder)} to pretrain it again.");
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }
}
