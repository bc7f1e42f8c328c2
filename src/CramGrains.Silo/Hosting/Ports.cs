using System.Net;
using System.Net.Sockets;

namespace CramGrains.Silo.Hosting;

/// <summary>Ports of a silo.</summary>
internal static class Ports
{
    /// <summary>The wanted port if it is free, or a free one for 0.</summary>
    /// <exception cref="StartupException">The wanted port is in use.</exception>
    public static int Take(int wanted, string option) => Take(IPAddress.Loopback, wanted, option);

    /// <summary>The wanted port of an address of this machine if it is free, or a free one for 0.</summary>
    /// <exception cref="StartupException">The port is in use, or the address is not this machine's.</exception>
    public static int Take(IPAddress address, int wanted, string option)
    {
        try
        {
            using var listener = new TcpListener(address, wanted);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
        catch (SocketException problem) when (problem.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new StartupException($"{option}: port {wanted} is in use on this machine. Give another, or 0 for a free one.");
        }
        catch (SocketException problem) when (problem.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            throw new StartupException($"cram:cluster:AdvertisedAddress: {address} is not an address of this machine.");
        }
        catch (SocketException problem)
        {
            throw new StartupException($"{option}: port {wanted} cannot be used: {problem.Message}. Give another, or 0 for a free one.");
        }
    }

    /// <summary>Three different ports: all are chosen while the earlier ones are still taken.</summary>
    public static (int Silo, int Gateway, int Http) Take(int silo, int gateway, int http) => Take(IPAddress.Loopback, silo, gateway, http);

    /// <summary>Three different ports of an address of this machine.</summary>
    public static (int Silo, int Gateway, int Http) Take(IPAddress address, int silo, int gateway, int http)
    {
        int first = Take(address, silo, "--silo-port");
        int second = TakeOther(address, gateway, "--gateway-port", first);
        return (first, second, TakeOther(address, http, "--http-port", first, second));
    }

    /// <summary>What to say when another program has taken a port after it was found free: the system gives connections numbers of their own, and one may have got this. Null when that is not what went wrong.</summary>
    /// <param name="problem">What the start ended with.</param>
    public static StartupException? Taken(Exception problem)
    {
        for (Exception? cause = problem; cause is not null; cause = cause.InnerException)
        {
            if (cause is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse })
            {
                return new StartupException(
                    $"{problem.Message} Another program has taken that port while the silo started. Start it again; ports that are to stay the same are safest below those that the system "
                    + "gives to connections (net.ipv4.ip_local_port_range).");
            }
        }

        return null;
    }

    private static int TakeOther(IPAddress address, int wanted, string option, params ReadOnlySpan<int> taken)
    {
        while (true)
        {
            int port = Take(address, wanted, option);
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
