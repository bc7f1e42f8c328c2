using CramGrains.Model.Checkpoints;
using CramGrains.Model.Recipes;
using CramGrains.Model.Training;
using static TorchSharp.torch;

namespace CramGrains.Model.Tests.Checkpoints;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        _folder.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void TryLoadNewest_NothingThere_IsNull() => Assert.Null(Store().TryLoadNewest(out _));

    [Fact]
    public void TryLoadNewest_AfterWrite_GivesAllOfItBack()
    {
        var written = State(12);
        Store().Write(written);
        using var loaded = Store().TryLoadNewest(out var refused)!;
        Assert.Empty(refused);
        Assert.Equal(written.Manifest, loaded.State.Manifest with { Files = written.Manifest.Files });
        Assert.Equal(written.RecipeJson, loaded.State.RecipeJson);
        Assert.Equal(written.Weights["w"].bytes.ToArray(), loaded.State.Weights["w"].bytes.ToArray());
        Assert.Equal(12, loaded.State.OptimizerState["step"].item<long>());
    }

    [Fact]
    public void Write_MoreThanKept_LeavesTheNewest()
    {
        foreach (int step in (int[])[1, 2, 3, 4])
        {
            Store().Write(State(step));
        }

        Assert.Equal(["step-000000004.epoch-1", "step-000000003.epoch-1"], Store().List().Select(Path.GetFileName));
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(_folder.Path).Count());
    }

    [Fact]
    public void Write_SameStepAgain_ReplacesIt()
    {
        Store().Write(State(5));
        Store().Write(State(5));
        Assert.Single(Store().List());
    }

    [Fact]
    public void Write_SameStepAgain_RemovesTheOldFilesOnlyWhenTheNewOnesAreThere()
    {
        // A kill in between would leave neither; removing gigabytes takes a while.
        string name = Path.GetFileName(Store().Write(State(5)).Path);
        var changes = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var ended = new ManualResetEventSlim();
        using var watcher = new FileSystemWatcher(_folder.Path) { NotifyFilter = NotifyFilters.DirectoryName };
        watcher.Renamed += (_, change) => changes.Enqueue($"{change.OldName} -> {change.Name}");
        watcher.Deleted += (_, change) =>
        {
            changes.Enqueue($"{change.Name} removed");
            ended.Set();
        };
        watcher.EnableRaisingEvents = true;
        Store().Write(State(5));
        Assert.True(ended.Wait(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken), "waited 60 s to hear of the old checkpoint's removal");
        Assert.Contains(changes.TakeWhile(change => !change.EndsWith(" removed", StringComparison.Ordinal)), change => change.EndsWith($"-> {name}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("manifest.json")]
    [InlineData("recipe.json")]
    public void TryLoadNewest_OneByteAltered_RefusesItByNameAndTakesTheOneBefore(string file) => AssertFallsBack(file, path =>
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^3] ^= 1;
        File.WriteAllBytes(path, bytes);
    });

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("optimizer.safetensors")]
    [InlineData("manifest.json")]
    [InlineData("manifest.json.sha256")]
    public void TryLoadNewest_Truncated_RefusesItByNameAndTakesTheOneBefore(string file) => AssertFallsBack(file, path =>
    {
        using var stream = File.OpenWrite(path);
        stream.SetLength(stream.Length / 2);
    });

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("manifest.json")]
    public void TryLoadNewest_FileMissing_RefusesItByNameAndTakesTheOneBefore(string file) => AssertFallsBack(file, File.Delete);

    [Fact]
    public void TryLoadNewest_AllDamaged_ThrowsInsteadOfStartingOver()
    {
        File.Delete(Path.Combine(Store().Write(State(1)).Path, "weights.safetensors"));
        Assert.Contains("submit a new run", Assert.Throws<CheckpointsUnreadableException>(() => Store().TryLoadNewest(out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryLoadNewest_UnfinishedWriteLeftBehind_IsNoCheckpoint()
    {
        Store().Write(State(1));
        string unfinished = Directory.CreateDirectory(Path.Combine(_folder.Path, ".unfinished-abc")).FullName;
        File.WriteAllText(Path.Combine(unfinished, "weights.safetensors"), "half");
        using var loaded = Store().TryLoadNewest(out var refused)!;
        Assert.Equal(1, loaded.State.Manifest.OptimizerSteps);
        Assert.Empty(refused);
    }

    [Fact]
    public void Write_UnfinishedWriteLeftBehind_CleansItUp()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, ".unfinished-abc"));
        Store().Write(State(1));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Write_NewerEpochHasWritten_IsRefused()
    {
        Store(epoch: 2).Write(State(10));
        Assert.Throws<StaleLeaseException>(() => Store(epoch: 1).Write(State(20)));
        Assert.Equal(["step-000000010.epoch-2"], Store().List().Select(Path.GetFileName));
    }

    /// <summary>In a folder that machines share: a worker that stood still wakes after its lease and saves, while its successor saves for the first time.</summary>
    [Fact]
    public void Write_NewerEpochIsWriting_LeavesItsFilesAlone()
    {
        var successor = State(20);
        var weights = new WokenInBetween(successor.Weights, () => Store(epoch: 1).Write(State(10)));

        Store(epoch: 2).Write(successor with { Weights = weights });

        Assert.True(weights.Woken);
        Assert.Equal(["step-000000020.epoch-2", "step-000000010.epoch-1"], Store().List().Select(Path.GetFileName));
        Assert.Equal(2, Directory.EnumerateFileSystemEntries(_folder.Path).Count());
    }

    [Fact]
    public void List_NewerEpochWithFewerSteps_ComesFirst()
    {
        Store(epoch: 1).Write(State(20));
        Store(epoch: 2).Write(State(10));
        Assert.Equal(["step-000000010.epoch-2", "step-000000020.epoch-1"], Store().List().Select(Path.GetFileName));
    }

    [Fact]
    public void Write_FolderCannotBeMade_SaysWhichAndWhy()
    {
        string file = Path.Combine(_folder.Path, "file");
        File.WriteAllText(file, "");
        var error = Assert.Throws<CheckpointWriteException>(() => new CheckpointStore(Path.Combine(file, "checkpoints"), 2).Write(State(1)));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.False(error.DiskFull);
    }

    [Fact]
    public void Write_NoSpaceOnDevice_IsDiskFull()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "/dev/full, which refuses every write for want of space, is Linux's.");
        var refused = Assert.Throws<IOException>(() =>
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.None, bufferSize: 0);
            full.Write([1]);
        });
        Assert.True(new CheckpointWriteException(_folder.Path, refused).DiskFull);
    }

    [Fact]
    public void Read_Version1Golden_StaysLoadable()
    {
        using var loaded = CheckpointStore.Read(Path.Combine(Goldens.Folder, "checkpoint-v1", "step-000000003.epoch-2"));
        var manifest = loaded.State.Manifest;
        Assert.Equal((1, 3L, 3L, 144L, 3L, 7, 2L), (manifest.Version, manifest.OptimizerSteps, manifest.MicrobatchSteps, manifest.TokensSeen, manifest.DataPosition, manifest.Seed, manifest.LeaseEpoch));
        var recipe = RecipeLoader.Load(loaded.State.RecipeJson, "golden", []).Recipe!;
        using var engine = new EagerEngine(recipe, 64, CPU);
        engine.Load(loaded.State.Weights, loaded.State.OptimizerState);
        Assert.Equal(3, engine.OptimizerState()["step"].item<long>());
    }

    private CheckpointStore Store(long epoch = 1) => new(_folder.Path, keep: 2, epoch);

    private static CheckpointState State(long step) => new(
        new(1, step, 2 * step, 100 * step, 0.5, 3.25, 2 * step, "counter-1", 7, "recipe-digest", "corpus-digest", 1, "eager", 4.5, []),
        "{ \"name\": \"x\" }",
        new Dictionary<string, Tensor> { ["w"] = arange(1000, dtype: ScalarType.Float32) / step },
        new Dictionary<string, Tensor> { ["step"] = tensor(step), ["exp_avg/w"] = ones(1000) });

    private void AssertFallsBack(string file, Action<string> damage)
    {
        Store().Write(State(1));
        string newest = Store().Write(State(2)).Path;
        damage(Path.Combine(newest, file));
        using var loaded = Store().TryLoadNewest(out var refused)!;
        Assert.Equal(1, loaded.State.Manifest.OptimizerSteps);
        var only = Assert.Single(refused);
        Assert.Equal(newest, only.Path);
        Assert.Contains(file.Replace(".sha256", "", StringComparison.Ordinal), only.Problem, StringComparison.Ordinal);
    }

    /// <summary>Weights that do something the moment they are read to be written, when the unfinished folder is there.</summary>
    private sealed class WokenInBetween(IReadOnlyDictionary<string, Tensor> weights, Action act) : IReadOnlyDictionary<string, Tensor>
    {
        public bool Woken { get; private set; }

        public int Count => weights.Count;

        public IEnumerable<string> Keys => weights.Keys;

        public IEnumerable<Tensor> Values => weights.Values; // asked for before, to see whether there is room

        public Tensor this[string key] => weights[key];

        public bool ContainsKey(string key) => weights.ContainsKey(key);

        public bool TryGetValue(string key, out Tensor value) => weights.TryGetValue(key, out value!);

        public IEnumerator<KeyValuePair<string, Tensor>> GetEnumerator()
        {
            Woken = true;
            act();
            return weights.GetEnumerator();
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
