namespace CramGrains.Model.Text;

/// <summary>Counts characters as Python and Rust do, whose limits and fractions are meant: a surrogate pair is one.</summary>
internal static class CodePoints
{
    public static int Count(ReadOnlySpan<char> text)
    {
        var count = text.Length;
        foreach (var c in text)
        {
            count -= char.IsLowSurrogate(c) ? 1 : 0;
        }

        return count;
    }
}
