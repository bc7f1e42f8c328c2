namespace CramGrains.Model.Text;

/// <summary>Characters that grow at the end; cleared and reused, so that normalising a document allocates nothing once it has grown.</summary>
internal sealed class CharBuffer
{
    private char[] _chars = new char[4096];

    public int Length { get; private set; }

    public ReadOnlySpan<char> Span => _chars.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Add(char c)
    {
        if (Length == _chars.Length)
        {
            Array.Resize(ref _chars, Length * 2);
        }

        _chars[Length++] = c;
    }

    public void Add(ReadOnlySpan<char> text) => text.CopyTo(Append(text.Length));

    /// <summary>Room for <paramref name="length"/> more characters, which count as added.</summary>
    public Span<char> Append(int length)
    {
        if (Length + length > _chars.Length)
        {
            Array.Resize(ref _chars, Math.Max(_chars.Length * 2, Length + length));
        }

        var room = _chars.AsSpan(Length, length);
        Length += length;
        return room;
    }
}
