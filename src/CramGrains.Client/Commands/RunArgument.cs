using System.CommandLine;

namespace CramGrains.Client.Commands;

/// <summary>The argument that names a run.</summary>
internal static class RunArgument
{
    public static Argument<string> Create() => new("RUN") { Description = "A run's id, the beginning of one, a run's name, or 'latest'." };
}
