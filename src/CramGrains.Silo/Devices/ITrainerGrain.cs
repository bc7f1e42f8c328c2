using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Worker;
using Orleans.Concurrency;

namespace CramGrains.Silo.Devices;

/// <summary>Looks after the worker on one device; key is the device id, and the activation lives on the device's machine.</summary>
[Alias("cram.ITrainerGrain")]
internal interface ITrainerGrain : IGrainWithStringKey
{
    /// <summary>Starts a worker for this order; again with the same epoch changes nothing. A later epoch ends what an earlier one left behind.</summary>
    [Alias("Start"), ResponseTimeout("00:00:20")]
    Task<StartOutcome> StartAsync(WorkOrder order);

    /// <summary>The worker's last word under this epoch; null when the device does not serve it (any more), as far as this activation remembers.</summary>
    [Alias("Get"), AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task<WorkerStatus?> GetAsync(long epoch);

    /// <summary>As <see cref="GetAsync"/>, but null is for certain and for ever: no worker lives under this epoch, and an order for it that is still to come is refused.</summary>
    [Alias("Disown"), ResponseTimeout("00:00:10")]
    Task<WorkerStatus?> DisownAsync(long epoch);

    /// <summary>Asks the worker to checkpoint and end; its end is seen by <see cref="GetAsync"/>. An epoch whose order has not come yet is refused when it comes.</summary>
    [Alias("Stop"), ResponseTimeout("00:00:10")]
    Task StopAsync(long epoch, TerminationReason reason);

    /// <summary>Takes up again what this device was doing, if its silo has been away.</summary>
    [Alias("Adopt"), ResponseTimeout("00:00:10")]
    Task AdoptAsync();
}
