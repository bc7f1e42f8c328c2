using CramGrains.Client;

namespace CramGrains.EndToEnd.Tests;

/// <summary>What comes back over the wire instead of an answer.</summary>
public sealed class FailuresTests
{
    /// <summary>So a silo answers that is older than a method.</summary>
    [Fact]
    public void Explain_SiloThatDoesNotKnowTheCall_IsOfAnotherVersion()
    {
        var (message, exitCode) = Failures.Explain(new TypeLoadException("Unable to resolve type alias PageRuns"))!.Value;

        Assert.Equal(ExitCodes.NoCluster, exitCode);
        Assert.StartsWith("The silo is of another version than this program", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_DefectOfTheProgram_IsNotHidden() => Assert.Null(Failures.Explain(new InvalidOperationException()));
}
