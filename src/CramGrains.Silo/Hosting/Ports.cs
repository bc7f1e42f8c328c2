using System.Net;
using System.Net.Sockets;

namespace CramGrains.Silo.Hosting;

/// <summary>Loopback ports for the embedded silo.</summary>
internal static class Ports
{
    /// <summary>The wanted port if it is free, or a free one for 0.</summary>
    /// <exception cref="StartupException">The wanted port is in use.</exception>
    public static int Take(int wanted, string option)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, wanted);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException problem) when (problem.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new StartupException($"{option}: port {wanted} is in use on this machine. Give another, or 0 for a free one.");
        }
        catch (SocketException problem)
        {
            throw new StartupException($"{option}: port {wanted} cannot be used: {problem.Message}. Give another, or 0 for a free one.");
        }
    }

    /// <summary>Three different ports: all are chosen while the earlier ones are still taken.</summary>
    public static (int Silo, int Gateway, int Http) Take(int silo, int gateway, int http)
    {
        int first = Take(silo, "--silo-port");
        int second = TakeOther(gateway, "--gateway-port", first);
        return (first, second, TakeOther(http, "--http-port", first, second));
    }

    private static int TakeOther(int wanted, string option, params ReadOnlySpan<int> taken)
    {
        while (true)
        {
            int port = Take(wanted, option);
            if (!taken.Contains(port))
            {
                return port;
            }

            if (wanted != 0)
            {
                throw new StartupException($"{option}: port {wanted} is already given to another use of this silo. Give three different ports.");
            }
        }
    }
}
