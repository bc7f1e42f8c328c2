using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Scheduling;
using CramGrains.Model.Recipes;
using CramGrains.Silo.Artefacts;
using CramGrains.Silo.Hosting;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Tests.Artefacts;

/// <summary>A path that several machines have: the run is bound to one of them until its corpus is made, so it had better be one that is in use.</summary>
public sealed class SourceFinderTests : IMachines
{
    private readonly List<DeviceView> _devices = [Device("a/gpu0"), Device("a/gpu1"), Device("b/gpu0"), Device("c/gpu0")];
    private readonly HashSet<string> _have = ["a", "b", "c"];
    private bool _schedulerAnswers = true;

    public string Own => "b";

    public IReadOnlyDictionary<string, string> Alive { get; } = new[] { "a", "b", "c" }.ToDictionary(machine => machine, _ => "127.0.0.1:1");

    [Fact]
    public async Task Find_AllInUse_TakesThisMachine() => Assert.Equal("b", await FoundOnAsync());

    [Theory]
    [InlineData(DeviceState.Cordoned)]
    [InlineData(DeviceState.Draining)]
    [InlineData(DeviceState.Drained)]
    public async Task Find_ThisMachineIsOrderedAway_TakesAnotherThatHasTheFiles(DeviceState state)
    {
        Order("b/gpu0", state);

        Assert.Equal("a", await FoundOnAsync());
    }

    [Fact]
    public async Task Find_OneOfTwoDevicesIsOrderedAway_TheMachineIsStillInUse()
    {
        Order("b/gpu0", DeviceState.Cordoned);
        Order("a/gpu0", DeviceState.Cordoned);

        Assert.Equal("a", await FoundOnAsync());
    }

    [Fact]
    public async Task Find_OnlyAMachineThatIsOrderedAwayHasTheFiles_TakesThat()
    {
        Order("a/gpu0", DeviceState.Drained);
        Order("a/gpu1", DeviceState.Drained);
        _have.IntersectWith(["a"]);

        Assert.Equal("a", await FoundOnAsync());
    }

    [Fact]
    public async Task Find_SchedulerDoesNotAnswer_TakesThisMachine()
    {
        _schedulerAnswers = false;

        Assert.Equal("b", await FoundOnAsync());
    }

    private async Task<string> FoundOnAsync()
    {
        ISchedulerGrain scheduler = Answers.Make<ISchedulerGrain>(_ => _schedulerAnswers ? Task.FromResult<IReadOnlyList<DeviceView>>(_devices) : Task.FromException<IReadOnlyList<DeviceView>>(new TimeoutException()));
        IGrainFactory grains = Answers.Make<IGrainFactory>((called, arguments) => called.GetGenericArguments()[0] == typeof(ISchedulerGrain) ? scheduler : Shelf(((string)arguments[0]!).Split('/')[0]));
        var recipe = new Recipe(
            "tiny", 0, new([new CorpusSource(CorpusSourceKind.Text, "/data/text.txt")], TextNormalizerKind.Crammed, 80, 16, 0.1), new(Layers: 1, HiddenSize: 8, Heads: 1, FeedForwardSize: 8),
            new(0.25, 2, 2, 0, new(OptimizerKind.AdamW, 1e-3, 0.9, 0.98, 1e-12, 0.01), new(ScheduleKind.Triangle2), 0.5), new(2, 0), new(60, 1), new([], 1, 2, 4e-5, 1, 0.1, 0.1, 16), BudgetHours: 1);
        FoundSources found = await new ClusterSources(this, grains, Options.Create(new SiloOptions { Machine = Own })).FindAsync(recipe, null);
        Assert.Equal(("request", 0), (found.CorpusRequest, found.Problems.Count));
        return found.Machine;
    }

    private IShelfGrain Shelf(string machine) => Answers.Make<IShelfGrain>(_ =>
        Task.FromResult(_have.Contains(machine) ? new CorpusNaming("request", []) : new CorpusNaming(null, ["/data/text.txt does not exist"])));

    private void Order(string device, DeviceState state) => _devices[_devices.FindIndex(d => d.DeviceId == device)] = Device(device) with { State = state, OrderedBy = "eve" };

    private static DeviceView Device(string id) => new(id, id.Split('/')[0], "cuda", "GPU", 0, DeviceState.Free, "free", null, 0, default);
}
