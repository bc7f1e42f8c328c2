using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace CramGrains.Client.Commands;

/// <summary>The usual help, then the command's examples.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private static readonly (string Line, string What)[] RootExamples =
    [
        ("cram quickstart", "a whole run in three minutes"),
        ("cram up; cram submit crammed-bert-24h --glue ~/glue_data --detach", "a day's run on this machine's GPU"),
        ("cram runs; cram watch latest", "how it goes"),
    ];

    /// <inheritdoc />
    public override int Invoke(ParseResult parseResult)
    {
        var code = usual.Invoke(parseResult);
        var examples = parseResult.CommandResult.Command switch
        {
            ExampleCommand command => command.Examples,
            RootCommand => RootExamples,
            _ => [],
        };
        if (examples.Count > 0)
        {
            Console.Out.WriteLine("Examples:");
            foreach (var (line, what) in examples)
            {
                Console.Out.WriteLine($"  {line}\n      {what}");
            }
        }

        return code;
    }
}
