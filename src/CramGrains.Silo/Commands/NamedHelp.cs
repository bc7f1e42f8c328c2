using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace CramGrains.Silo.Commands;

/// <summary>The usual help, with a usage line that begins with what its user types: the name of this program is all that the library knows.</summary>
internal sealed class NamedHelp : SynchronousCommandLineAction
{
    private readonly HelpAction _usual;
    private readonly string _name;

    private NamedHelp(HelpAction usual, string name) => (_usual, _name) = (usual, name);

    /// <summary>Gives a command and those below it a name such as <c>cram data</c>.</summary>
    public static void Of(RootCommand command, string name)
    {
        HelpOption help = command.Options.OfType<HelpOption>().Single();
        help.Action = new NamedHelp((HelpAction)help.Action!, name);
    }

    /// <summary>Who asks for help need not give what is required.</summary>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        TextWriter output = parseResult.InvocationConfiguration.Output;
        using var text = new StringWriter();
        parseResult.InvocationConfiguration.Output = text;
        int code;
        try
        {
            code = _usual.Invoke(parseResult);
        }
        finally
        {
            parseResult.InvocationConfiguration.Output = output;
        }

        // The usage line comes last of those that begin so; examples in the description stand above it.
        string help = text.ToString(), begin = "\n  " + RootCommand.ExecutableName + " ";
        int at = help.LastIndexOf(begin, StringComparison.Ordinal);
        output.Write(at < 0 ? help : $"{help[..at]}\n  {_name} {help[(at + begin.Length)..]}");
        return code;
    }
}
