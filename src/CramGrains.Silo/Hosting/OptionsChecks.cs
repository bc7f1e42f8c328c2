using Microsoft.Extensions.Options;

namespace CramGrains.Silo.Hosting;

/// <summary>The one rule that spans two options: a run may be placed elsewhere only after its old worker has surely given up its lease.</summary>
internal sealed class LeaseOrderCheck(IOptions<DeviceOptions> devices) : IValidateOptions<RunOptions>
{
    public ValidateOptionsResult Validate(string? name, RunOptions options) =>
        options.MachineLostSeconds > devices.Value.WorkerLeaseSeconds
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(
                $"cram:runs:MachineLostSeconds must be longer than cram:devices:WorkerLeaseSeconds ({devices.Value.WorkerLeaseSeconds:0.###} s), " +
                $"got {options.MachineLostSeconds:0.###} s. A run placed elsewhere while its worker still holds a lease would train twice.");
}
