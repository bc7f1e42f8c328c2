using System.Net;
using System.Net.Sockets;

namespace CramGrains.EndToEnd.Tests.Cluster;

/// <summary>Ports that stay free until they are used.</summary>
internal static class FreePorts
{
    private const int First = 10_000, End = 32_000; // below those that Linux gives to connections: one of them may get a port that was free a moment ago

    /// <summary>So many different ones.</summary>
    public static int[] Take(int count)
    {
        var listeners = new List<TcpListener>();
        while (listeners.Count < count)
        {
            var listener = new TcpListener(IPAddress.Loopback, Random.Shared.Next(First, End));
            try
            {
                listener.Start();
                listeners.Add(listener);
            }
            catch (SocketException problem) when (problem.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                listener.Dispose(); // somebody's; another number
            }
        }

        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Dispose());
        return ports;
    }
}
