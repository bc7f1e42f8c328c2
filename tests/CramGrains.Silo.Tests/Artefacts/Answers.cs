using System.Reflection;

namespace CramGrains.Silo.Tests.Artefacts;

/// <summary>An interface whose every method is answered by one function: a grain in a test without a cluster.</summary>
public class Answers : DispatchProxy
{
    private Func<MethodInfo, object?[], object>? _answer;

    public static T Make<T>(Func<MethodInfo, object> answer) where T : class => Make<T>((called, _) => answer(called));

    public static T Make<T>(Func<MethodInfo, object?[], object> answer) where T : class
    {
        T made = Create<T, Answers>();
        ((Answers)(object)made)._answer = answer;
        return made;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _answer!(targetMethod!, args ?? []);
}
