using System.Globalization;

namespace CramGrains.Silo.Devices;

/// <summary>Whether a GPU can be used, judged from its readings. One per GPU: some errors count for a while after they happened.</summary>
/// <param name="hottestCelsius">From this temperature on it is not used, until it has cooled by ten degrees.</param>
/// <param name="quarantine">For so long after an error of the hardware it is not used; never for ever, since many such errors do not come back.</param>
internal sealed class DeviceHealth(double hottestCelsius, TimeSpan quarantine)
{
    private const double Cooling = 10;

    // Errors of the program that ran, as NVIDIA's own device plugin counts them: they end the attempt, and the GPU is as good as before.
    private static readonly HashSet<int> OfPrograms = [13, 31, 43, 45, 68, 109];

    private (int Xid, DateTimeOffset At)? _error;
    private bool _hot;

    /// <summary>What is wrong; null when it can be used.</summary>
    public string? Judge(GpuReading reading, DateTimeOffset now)
    {
        foreach (int xid in reading.Xids.Where(x => !OfPrograms.Contains(x)))
        {
            _error = (xid, now);
        }

        if (_error is { } error && (now - error.At).Duration() >= quarantine)
        {
            _error = null;
        }

        _hot = reading.TemperatureCelsius is { } celsius && celsius >= (_hot ? hottestCelsius - Cooling : hottestCelsius);
        return reading.Problem is { } problem ? problem
            : _error is { } xidError ? string.Create(
                CultureInfo.InvariantCulture, $"reported Xid {xidError.Xid} at {xidError.At:HH:mm:ss} UTC, an error of the hardware; used again at {xidError.At + quarantine:HH:mm:ss} unless it comes back")
            : _hot ? string.Create(CultureInfo.InvariantCulture, $"is {reading.TemperatureCelsius:0} °C hot; used again below {hottestCelsius - Cooling:0} °C")
            : null;
    }
}
