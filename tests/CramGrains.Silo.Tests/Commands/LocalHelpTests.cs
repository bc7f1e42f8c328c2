using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

/// <summary>Help of the commands that <c>cram</c> hands to the silo's program: what its usage line says can be typed.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class LocalHelpTests
{
    public static TheoryData<string, string[], string> Commands() => new()
    {
        { "pretrain", ["--help"], "cram pretrain <RECIPE> [options]" },
        { "data", ["--help"], "cram data [command] [options]" },
        { "data", ["prepare", "--help"], "cram data prepare <RECIPE> [options]" },
        { "glue", ["submit", "--help"], "cram glue [<MODEL>...] submit <MODEL> <ZIP> [options]" },
        { "simulate", ["--help"], "CramGrains.Silo simulate [options]" },
    };

    [Theory]
    [MemberData(nameof(Commands))]
    public void Help_OfALocalCommand_SaysHowItIsTyped(string command, string[] arguments, string usage)
    {
        Func<string[], int> run = command switch
        {
            "pretrain" => PretrainCommand.Run,
            "data" => DataCommand.Run,
            "glue" => GlueCommand.Run,
            _ => SimulateCommand.Run,
        };

        var help = TrainedRun.Call(run, arguments);

        Assert.Equal(0, help.Code);
        Assert.Contains($"\nUsage:\n  {usage}\n", help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WithoutWhatItNeeds_ShowsHowItIsTyped() =>
        Assert.Contains("\n  cram pretrain <RECIPE> [options]\n", TrainedRun.Call(PretrainCommand.Run, []).Output, StringComparison.Ordinal);
}
