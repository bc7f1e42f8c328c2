using System.CommandLine;

namespace CramGrains.Client.Commands;

/// <summary>A command whose help ends with examples.</summary>
internal sealed class ExampleCommand(string name, string description, params (string Line, string What)[] examples) : Command(name, description)
{
    /// <summary>Command lines and what each is for.</summary>
    public IReadOnlyList<(string Line, string What)> Examples { get; } = examples;
}
