using System.CommandLine;

namespace CramGrains.Client.Commands;

/// <summary>The argument that names a run.</summary>
internal static class RunArgument
{
    public static Argument<string> Create()
    {
        var run = new Argument<string>("RUN") { Description = "A run's id, the beginning of one, a run's name, or 'latest'." };
        run.Validators.Add(given => given.RefuseBlank("RUN", "Give a run's id, the beginning of one, its name, or 'latest'."));
        return run;
    }
}
