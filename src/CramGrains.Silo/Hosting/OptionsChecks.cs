using System.Globalization;
using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Hosting;

/// <summary>The one rule that spans two options: a run may be placed elsewhere only after its old worker has surely given up its lease.</summary>
internal sealed class LeaseOrderCheck(IOptions<DeviceOptions> devices) : IValidateOptions<RunOptions>
{
    public ValidateOptionsResult Validate(string? name, RunOptions options) =>
        Problem(options, devices.Value) is { } problem ? ValidateOptionsResult.Fail(problem) : ValidateOptionsResult.Success;

    /// <summary>What is wrong with the two together; null when nothing is.</summary>
    public static string? Problem(RunOptions runs, DeviceOptions devices) => runs.MachineLostSeconds > devices.WorkerLeaseSeconds ? null : string.Create(
        CultureInfo.InvariantCulture,
        $"cram:runs:MachineLostSeconds must be longer than cram:devices:WorkerLeaseSeconds ({devices.WorkerLeaseSeconds:0.###} s), " +
        $"got {runs.MachineLostSeconds:0.###} s. A run placed elsewhere while its worker still holds a lease would train twice.");
}
