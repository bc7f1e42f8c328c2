using System.Text.Json;
using CramGrains.Model.Checkpoints;
using CramGrains.Model.Data;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker.Jobs;
using TorchSharp;

namespace CramGrains.Silo.Commands;

/// <summary>One pretraining in this process, into a folder that the other local commands take as a run; done again, it goes on from its newest checkpoint.</summary>
/// <param name="Recipe">The run.</param>
/// <param name="Training">Rows to train on.</param>
/// <param name="HeldOut">Rows of the held-out loss.</param>
/// <param name="VocabularySize">Entries of the vocabulary (V).</param>
/// <param name="CorpusDigest">Identity of the rows.</param>
/// <param name="Folder">The run's folder.</param>
/// <param name="Device">Where to train.</param>
/// <param name="Cache">Folder of compiled kernels.</param>
internal sealed record LocalPretraining(
    Recipe Recipe, ITokenRows Training, ITokenRows HeldOut, int VocabularySize, string CorpusDigest, string Folder, torch.Device Device, string Cache)
{
    private const string LockFile = "run.lock";

    private static JsonSerializerOptions OneLine { get; } = new(RecipeJson.Options) { WriteIndented = false };

    /// <summary>The engine's name, once it runs.</summary>
    public string EngineName { get; private set; } = "";

    /// <summary>Whether the weights are wanted, or only the losses.</summary>
    public bool KeepsWeights { get; init; } = true;

    /// <summary>The run's checkpoints.</summary>
    public static CheckpointStore Checkpoints(string folder, int keep = 2) => new(Path.Combine(folder, "checkpoints"), keep);

    /// <summary>Refuses what names no folder that results could lie in.</summary>
    /// <exception cref="ArgumentException">It is empty, as an unset variable of a shell leaves it, or a file.</exception>
    public static void RequireFolder(string output)
    {
        if (output.Length == 0 || File.Exists(output))
        {
            throw new ArgumentException(output.Length == 0 ? "--out is empty. Name a folder; it is made where there is none." : $"--out {output}: is a file. Name a folder; it is made where there is none.");
        }
    }

    /// <summary>Keeps a run's folder for this process until it is disposed: two would write over each other's vocabulary, metrics and checkpoints.</summary>
    /// <exception cref="ArgumentException">It names no folder.</exception>
    /// <exception cref="IOException">Another process trains there, or the folder cannot be made.</exception>
    public static IDisposable TakeFolder(string folder)
    {
        RequireFolder(folder);
        Directory.CreateDirectory(folder);
        return FileLock.TryTake(Path.Combine(folder, LockFile))
            ?? throw new IOException($"{folder}: another process trains there. Wait for it, or give another --out; once it has ended, however it does, the same command goes on from its newest checkpoint.");
    }

    /// <summary>Trains until the budget is used up, or until it is asked to stop and has written a checkpoint.</summary>
    /// <param name="heard">Told of every event, with the budget as it stands.</param>
    /// <param name="stop">Asks it to stop.</param>
    public PretrainingResult Run(Action<TrainingEvent, BudgetMeter>? heard, CancellationToken stop)
    {
        Directory.CreateDirectory(Folder);
        Directory.CreateDirectory(Cache);
        AtomicFile.WriteText(Path.Combine(Folder, "recipe.json"), RecipeJson.ToCanonicalJson(Recipe));
        using var engine = PretrainingEngines.Create(Recipe, VocabularySize, Device, Cache, Console.Error.WriteLine);
        EngineName = engine.Name;
        using var metrics = MetricsFile.Append(Folder);
        Pretrainer? pretrainer = null;
        var events = new DirectProgress<TrainingEvent>(happened =>
        {
            metrics.WriteLine(JsonSerializer.Serialize(new { At = DateTimeOffset.UtcNow, Event = happened.GetType().Name, Data = (object)happened }, OneLine));
            Show(happened);
            heard?.Invoke(happened, pretrainer!.Budget);
        });
        var control = new PretrainingControl();
        using var asked = stop.Register(control.RequestStop);
        Console.Error.WriteLine($"{Recipe.Name} on {DeviceNames.Of(Device) ?? Device.ToString()} with the {engine.Name} engine, {Training.Count * Training.SequenceLength:N0} training tokens");
        pretrainer = new Pretrainer(Recipe, Training, HeldOut, engine, Checkpoints(Folder, Recipe.Checkpoints.Keep), TimeProvider.System, events, CorpusDigest)
        {
            CheckpointAtEnd = KeepsWeights,
        };
        return pretrainer.Run(0, control, CancellationToken.None);
    }

    private static void Show(TrainingEvent happened)
    {
        string? line = happened switch
        {
            HeldOutMeasured measured => $"step {measured.OptimizerSteps}: held-out loss {measured.LossNats:0.0000} nats",
            Resumed resumed => $"went on from {resumed.Path}, {resumed.BudgetUsedSeconds:0.0} s used",
            CheckpointRefused refused => $"{refused.Path} could not be used: {refused.Problem}",
            TrainingNote note => note.Text,
            _ => null,
        };
        if (line is not null)
        {
            Console.Error.WriteLine(line);
        }
    }
}
