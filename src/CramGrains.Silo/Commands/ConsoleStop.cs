namespace CramGrains.Silo.Commands;

/// <summary>Ctrl-C asks the work to stop instead of ending the process.</summary>
internal sealed class ConsoleStop : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConsoleCancelEventHandler _handler;

    public ConsoleStop()
    {
        _handler = (_, key) =>
        {
            key.Cancel = true;
            _stop.Cancel();
        };
        Console.CancelKeyPress += _handler;
    }

    public CancellationToken Token => _stop.Token;

    public void Dispose()
    {
        Console.CancelKeyPress -= _handler;
        _stop.Dispose();
    }
}
