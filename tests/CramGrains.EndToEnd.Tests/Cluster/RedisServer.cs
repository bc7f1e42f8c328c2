using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>A Redis server of our own on a free port, every write on disk before it is answered, in a folder that survives its restarts.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private const string Program = "redis-server";
    private Process? _process;

    private RedisServer(string address, int port) => (Address, Port) = (address, port);

    /// <summary>Whether this machine has the program.</summary>
    public static bool IsInstalled => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, Program)));

    public string Address { get; }

    public int Port { get; }

    public string Folder { get; } = Directory.CreateTempSubdirectory("cram-redis-").FullName;

    public int ProcessId => _process!.Id;

    public static async Task<RedisServer> StartAsync(string address = "127.0.0.1")
    {
        var server = new RedisServer(address, FreePorts.Take(1)[0]);
        await server.RunAsync();
        return server;
    }

    /// <summary>Kills it, and starts it again with or without what it had on disk.</summary>
    public async Task RestartAsync(bool withData)
    {
        await KillAsync();
        if (!withData)
        {
            Directory.Delete(Folder, recursive: true);
            Directory.CreateDirectory(Folder);
        }

        await RunAsync();
    }

    public async Task KillAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process?.Dispose();
        _process = null;
    }

    public async Task RunAsync()
    {
        var start = new ProcessStartInfo(Program,
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", Address, "--protected-mode", "no", "--dir", Folder, "--appendonly", "yes", "--appendfsync", "always",
            "--save", "", "--logfile", Path.Combine(Path.GetTempPath(), $"{Path.GetFileName(Folder)}.log"),
        ]);
        _process = Process.Start(start)!;
        for (var started = Stopwatch.GetTimestamp(); ; await Task.Delay(20))
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Parse(Address), Port);
                return;
            }
            catch (SocketException)
            {
                Assert.True(Stopwatch.GetElapsedTime(started) < Lab.Patience, $"{Program} does not answer at {Address}:{Port}.");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        Directory.Delete(Folder, recursive: true);
        File.Delete(Path.Combine(Path.GetTempPath(), $"{Path.GetFileName(Folder)}.log"));
    }
}
