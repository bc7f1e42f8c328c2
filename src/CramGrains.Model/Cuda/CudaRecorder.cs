namespace CramGrains.Model.Cuda;

/// <summary>Records a sequence of launches as a CUDA graph and replays it: a fine-tuning step is 400 launches of a few microseconds each, which the
/// host alone could not keep up with.</summary>
/// <remarks>
/// The first time a key comes, its work runs as it is, because products still choose their algorithms; the second time it is recorded. Recording is not
/// allowed on the legacy stream, so it has a stream of its own; replays go to the legacy stream, in order with libtorch's work. A driver that cannot record
/// costs speed, not correctness: the work then runs as it is.
/// </remarks>
internal sealed class CudaRecorder(CudaDevice device) : IDisposable
{
    private readonly Dictionary<(int, int), nint> _graphs = [];
    private readonly HashSet<(int, int)> _seen = [];
    private nint _stream;
    private bool _cannot;

    /// <summary>Graphs that exist.</summary>
    public int Count => _graphs.Count;

    public void Run((int, int) key, Action work)
    {
        if (_graphs.TryGetValue(key, out nint graph))
        {
            device.Driver.LaunchGraph(graph, 0);
        }
        else if (_cannot || _seen.Add(key) || !TryRecord(work, out graph))
        {
            work();
        }
        else
        {
            _graphs.Add(key, graph);
        }
    }

    public void Dispose()
    {
        foreach (nint graph in _graphs.Values)
        {
            device.Driver.DestroyGraph(graph);
        }

        if (_stream != 0)
        {
            device.Driver.DestroyStream(_stream);
        }
    }

    /// <summary>Records and runs the work once; when the answer is false, nothing has run.</summary>
    private bool TryRecord(Action work, out nint graph)
    {
        graph = 0;
        bool began = false;
        try
        {
            _stream = _stream != 0 ? _stream : device.Driver.CreateStream();
            device.Driver.BeginCapture(_stream);
            began = true;
            device.Stream = _stream;
            work();
            device.Stream = 0;
            began = false;
            graph = device.Driver.EndCapture(_stream);
            device.Driver.LaunchGraph(graph, 0);
            return true;
        }
        catch (CudaException)
        {
            device.Stream = 0;
            if (began)
            {
                device.Driver.AbandonCapture(_stream);
            }

            _cannot = true;
            return false;
        }
    }
}
