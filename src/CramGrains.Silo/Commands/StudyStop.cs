using System.Diagnostics;

namespace CramGrains.Silo.Commands;

/// <summary>When a study stops before its end: at Ctrl-C or SIGTERM, or when the time that the machine is lent for is over. Both stop it in the same way.</summary>
internal sealed class StudyStop : IDisposable
{
    private readonly CancellationTokenSource _timed;
    private readonly CancellationToken _interrupted;
    private string? _waitedFor;

    /// <param name="most">Wall clock from the start of this process; null has no end.</param>
    /// <param name="interrupted">Ctrl-C or SIGTERM.</param>
    public StudyStop(TimeSpan? most, CancellationToken interrupted)
    {
        _interrupted = interrupted;
        _timed = CancellationTokenSource.CreateLinkedTokenSource(interrupted);
        if (most is { } allowed)
        {
            using var self = Process.GetCurrentProcess();
            var left = allowed - (DateTime.Now - self.StartTime);
            _timed.CancelAfter(left > TimeSpan.Zero ? left : TimeSpan.Zero);
        }
    }

    /// <summary>Waits a little while other processes do what is left, or what it rests on; says so once for each piece.</summary>
    public void WaitForOthers(string piece, Action<string> say)
    {
        if (_waitedFor != piece)
        {
            _waitedFor = piece;
            say($"{piece}: another process works on it, or on what it rests on. Waits.");
        }

        Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(1));
    }

    /// <summary>Asks the work to stop.</summary>
    public CancellationToken Token => _timed.Token;

    /// <summary>Whether it is to stop.</summary>
    public bool IsAsked => _timed.IsCancellationRequested;

    /// <summary>Whether the time is over, as opposed to somebody's wish.</summary>
    public bool IsTimeOver => IsAsked && !_interrupted.IsCancellationRequested;

    public void Dispose() => _timed.Dispose();
}
