using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using CramGrains.Interfaces.Devices;
using CramGrains.Interfaces.Runs;
using CramGrains.Silo.Devices;
using CramGrains.Silo.Runs;
using CramGrains.Silo.Scheduling;

namespace CramGrains.Silo.Telemetry;

/// <summary>The meter <c>CramGrains</c>: what the grains on this silo know, read when somebody scrapes. Series of a run live as long as the run does.</summary>
internal sealed class CramMetrics : IDisposable
{
    public const string MeterName = "CramGrains";

    /// <summary>What is refused. Counted from 0 on, as ends are: a counter that appears with its first count has not increased, as Prometheus sees it, and no alert would come.</summary>
    private static readonly string[] Refused = ["token", "release", "artefact", "budget"];

    private readonly Meter _meter;
    private readonly ConcurrentDictionary<string, RunView> _runs = new();
    private readonly ConcurrentDictionary<(string Run, string Task, string Metric, int Seed), double> _scores = new();
    private readonly ConcurrentDictionary<string, long> _rejections = new(Refused.Select(what => KeyValuePair.Create(what, 0L)));
    private readonly ConcurrentDictionary<TerminationReason, long> _ended =
        new(Enum.GetValues<TerminationReason>().Where(reason => reason != TerminationReason.None).Select(reason => KeyValuePair.Create(reason, 0L)));

    private readonly Counter<long> _xids;
    private volatile IReadOnlyList<(DeviceReport Report, GpuReading Gpu)> _gpus = [];
    private volatile int _waiting;
    private volatile IReadOnlyList<DeviceView> _devices = [];

    public CramMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableCounter(
            "cram_fence_rejections", () => _rejections.Select(r => new Measurement<long>(r.Value, new KeyValuePair<string, object?>("what", r.Key))).ToList(),
            description: "Writes refused because their lease epoch was stale, and calls without the token.");
        _meter.CreateObservableCounter(
            "cram_runs_ended", () => _ended.Select(r => new Measurement<long>(r.Value, new KeyValuePair<string, object?>("reason", Words.Of(r.Key)))).ToList(),
            description: "Runs that have ended on this silo since it started, by reason.");
        _xids = _meter.CreateCounter<long>("cram_gpu_xid", description: "Xid errors that the driver has reported.");
        GpuGauge("cram_gpu_utilization_ratio", "Share of the last sample in which a kernel ran.", (_, g) => g.UtilizationFraction);
        GpuGauge("cram_gpu_memory_used_bytes", "Memory in use by anybody.", (_, g) => g.MemoryUsedBytes);
        GpuGauge("cram_gpu_memory_total_bytes", "Memory.", (_, g) => g.MemoryBytes);
        GpuGauge("cram_gpu_temperature_celsius", "Temperature of the chip.", (_, g) => g.TemperatureCelsius);
        GpuGauge("cram_gpu_power_watts", "Power drawn.", (_, g) => g.PowerWatts);
        GpuGauge("cram_gpu_healthy", "1 when it can be used.", (r, _) => r.Healthy ? 1 : 0);
        GpuGauge("cram_gpu_other_processes", "1 when a process that is not of this cluster computes on it.", (r, _) => r.UsedByOthers ? 1 : 0);
        _meter.CreateObservableGauge("cram_queue_depth", () => _waiting, description: "Work items that wait for a place.");
        _meter.CreateObservableGauge("cram_device_state", DeviceStates, description: "1 for the state that the device is in.");
        _meter.CreateObservableGauge("cram_glue_score", Scores, description: "Scores of active runs.");
        _meter.CreateObservableGauge("cram_runs", ActiveRuns, description: "Active runs on this silo by state.");
        RunCounter("cram_run_tokens", "Training tokens read.", p => p.TokensSeen);
        RunCounter("cram_run_optimizer_steps", "Optimizer steps.", p => p.OptimizerSteps);
        RunGauge("cram_run_tokens_per_second", "Latest rate.", p => p.TokensPerSecond);
        RunGauge("cram_run_loss", "Latest training loss, nats.", p => p.LossNats);
        RunGauge("cram_run_heldout_loss", "Latest held-out loss, nats.", p => p.HeldOutLossNats);
        RunGauge("cram_run_learning_rate", "Latest learning rate.", p => p.LearningRate);
        RunGauge("cram_run_gradient_norm", "Latest gradient norm before clipping.", p => p.GradientNorm);
        RunGauge("cram_run_batch_size", "Rows in the last batch.", p => p.BatchSize);
        RunGauge("cram_checkpoint_age_seconds", "Age of the newest checkpoint.", p => p.CheckpointAgeSeconds);
        RunGauge("cram_checkpoint_duration_seconds", "Time the newest checkpoint took to write.", p => p.CheckpointSeconds);
        ViewGauge("cram_run_budget_seconds", "Budget; none for a run whose budget is one of tokens or compute.", v => v.BudgetSeconds > 0 ? v.BudgetSeconds : null);
        ViewGauge("cram_run_budget_used_seconds", "Training seconds charged.", v => v.BudgetUsedSeconds);
        ViewGauge("cram_run_budget_left_seconds", "Budget that is left; none for a run whose budget is one of tokens or compute.", v => v.BudgetSeconds > 0 ? Math.Max(0, v.BudgetSeconds - v.BudgetUsedSeconds) : null);
        ViewGauge("cram_run_attempts", "Pretraining attempts begun.", v => v.Attempts);
    }

    public void PublishRun(RunView view) => _runs[view.RunId] = view;

    public void PublishScore(string runId, GlueScore score) => _scores[(runId, score.Task, score.Metric, score.Seed)] = score.Value;

    /// <summary>Counts a run that has ended; once for each end.</summary>
    public void RunEnded(TerminationReason reason) => _ended.AddOrUpdate(reason, 1, (_, count) => count + 1);

    /// <summary>Ends the series of a run.</summary>
    public void RemoveRun(string runId)
    {
        _runs.TryRemove(runId, out _);
        foreach (var key in _scores.Keys.Where(k => k.Run == runId))
        {
            _scores.TryRemove(key, out _);
        }
    }

    public void PublishQueue(int waiting) => _waiting = waiting;

    public void PublishScheduler(int waiting, IReadOnlyList<DeviceView> devices)
    {
        _waiting = waiting;
        _devices = devices;
    }

    /// <summary>The GPUs of this machine, as just read.</summary>
    public void PublishGpus(IReadOnlyList<DeviceReport> reports, IReadOnlyList<GpuReading> gpus)
    {
        _gpus = [.. reports.Where(r => r.Uuid is not null).SelectMany(r => gpus.Where(g => g.Uuid == r.Uuid).Select(g => (r, g)))];
        foreach ((DeviceReport report, GpuReading gpu) in _gpus)
        {
            foreach (int xid in gpu.Xids)
            {
                _xids.Add(1, new KeyValuePair<string, object?>("device", report.DeviceId), new KeyValuePair<string, object?>("xid", xid));
            }
        }
    }

    public void FenceRejected(string what) => _rejections.AddOrUpdate(what, 1, (_, count) => count + 1);

    public void Dispose() => _meter.Dispose();

    private void GpuGauge(string name, string description, Func<DeviceReport, GpuReading, double?> value) =>
        _meter.CreateObservableGauge(
            name,
            () => (List<Measurement<double>>)[.. from gpu in _gpus
                let measured = value(gpu.Report, gpu.Gpu)
                where measured is not null
                select new Measurement<double>(
                    measured.Value, new KeyValuePair<string, object?>("device", gpu.Report.DeviceId), new KeyValuePair<string, object?>("uuid", gpu.Gpu.Uuid))],
            description: description);

    private void RunGauge(string name, string description, Func<RunProgress, double?> value) =>
        _meter.CreateObservableGauge(name, () => OfPretraining(value), description: description);

    private void RunCounter(string name, string description, Func<RunProgress, double?> value) =>
        _meter.CreateObservableCounter(name, () => OfPretraining(value), description: description);

    private void ViewGauge(string name, string description, Func<RunView, double?> value) =>
        _meter.CreateObservableGauge(
            name,
            () => (List<Measurement<double>>)[.. from view in _runs.Values
                let known = value(view)
                where known is not null
                select new Measurement<double>(known.Value, Run(view))],
            description: description);

    private List<Measurement<double>> OfPretraining(Func<RunProgress, double?> value) =>
        [.. from view in _runs.Values
            where view.State == RunState.Pretraining && view.Progress is not null
            let measured = value(view.Progress!)
            where measured is not null
            select new Measurement<double>(measured.Value, Run(view))];

    private List<Measurement<int>> DeviceStates() =>
        [.. from device in _devices
            from state in Enum.GetValues<DeviceState>()
            select new Measurement<int>(
                device.State == state ? 1 : 0,
                new KeyValuePair<string, object?>("device", device.DeviceId), new KeyValuePair<string, object?>("state", Words.Of(state)))];

    private List<Measurement<double>> Scores() =>
        [.. _scores.Select(s => new Measurement<double>(
            s.Value,
            new KeyValuePair<string, object?>("run", s.Key.Run), new KeyValuePair<string, object?>("task", s.Key.Task),
            new KeyValuePair<string, object?>("metric", s.Key.Metric), new KeyValuePair<string, object?>("seed", s.Key.Seed)))];

    private List<Measurement<int>> ActiveRuns() =>
        [.. _runs.Values.GroupBy(v => v.State).Select(g => new Measurement<int>(g.Count(), new KeyValuePair<string, object?>("state", Words.Of(g.Key))))];

    private static KeyValuePair<string, object?> Run(RunView view) => new("run", view.RunId);
}
