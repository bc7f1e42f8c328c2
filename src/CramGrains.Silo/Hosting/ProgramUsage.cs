namespace CramGrains.Silo.Hosting;

/// <summary>How this program is called; the verbs that <c>cram</c> hands to it have help of their own.</summary>
internal static class ProgramUsage
{
    private const string Worker = "CramGrains.Silo worker --assignment FILE\n  Does one job for the silo that starts it: makes a corpus, pretrains, or fine-tunes.";
    private const string Doctor = "CramGrains.Silo doctor --json\n  Says what this machine has for training and what it lacks, as JSON; `cram doctor` prints it for people.";

    /// <summary>Everything that it does.</summary>
    public const string Whole =
        ServeArguments.Usage + "\n" + Worker + "\n" + Doctor + "\n"
        + "CramGrains.Silo data|pretrain|study|glue|fill-mask|predict|schedules|estimate|export|bench ...\n  As the verb of cram, which hands it over.\n"
        + "CramGrains.Silo bench-scheduler|simulate ...\n  Measures the scheduler; plays seeded worlds. VERB --help says more of each.";

    /// <summary>Whether an argument asks for help.</summary>
    public static bool IsHelp(string argument) => argument is "--help" or "-h" or "-?";

    /// <summary>How one verb is called.</summary>
    public static string Of(string verb) => verb switch
    {
        "serve" => ServeArguments.Usage,
        "worker" => Worker,
        "doctor" => Doctor,
        _ => Whole,
    };

    /// <summary>Answers who asked.</summary>
    public static int Print(string usage)
    {
        Console.Out.WriteLine(usage);
        return 0;
    }

    /// <summary>Says how it is done to somebody who has done it otherwise.</summary>
    public static int Refuse(IReadOnlyList<string> arguments)
    {
        string verb = arguments.Count == 0 ? "" : arguments[0];
        Console.Error.WriteLine(verb switch
        {
            "" => "error: a verb is needed.",
            "worker" or "doctor" => $"error: '{string.Join(' ', arguments)}' is not how {verb} is called.",
            _ => $"error: there is no verb '{verb}'.",
        });
        Console.Error.WriteLine(Of(verb));
        return 2;
    }
}
