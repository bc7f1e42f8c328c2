using CramGrains.Model.Recipes;
using TorchSharp;

namespace CramGrains.Silo.Worker.Jobs;

/// <summary>Reads what an assignment names.</summary>
internal static class WorkerRecipe
{
    /// <summary>The recipe; the silo validated it, so a problem here means that two builds differ.</summary>
    public static Recipe Read(WorkerAssignment assignment)
    {
        var loaded = RecipeLoader.Load(assignment.RecipeJson, "assignment", []);
        return loaded.Recipe ?? throw new NotSupportedException($"This build refuses the recipe: {string.Join(" ", loaded.Problems)}");
    }

    /// <summary>Where this home keeps what the fast engine compiled, so that only the first of many workers compiles.</summary>
    public static string KernelCache(WorkerAssignment assignment) => Path.Combine(Path.GetDirectoryName(assignment.CorporaFolder)!, "kernels");

    /// <summary>The device by its torch name, and the threads that a CPU has for this worker; a GPU that libtorch cannot use is an error here, not a silent fall back to the CPU.</summary>
    public static torch.Device Device(WorkerAssignment assignment)
    {
        Model.TorchRuntime.Load(Environment.GetEnvironmentVariable("CRAM_LIBTORCH"));
        var device = new torch.Device(assignment.Device);
        if (device.type == DeviceType.CUDA && !torch.cuda.is_available())
        {
            throw new NotSupportedException(
                $"{assignment.Device} was assigned, but this libtorch has no usable CUDA. Build with -p:CramCuda=true or set CRAM_LIBTORCH; `cram doctor` says more.");
        }

        if (assignment.CpuThreads is { } threads)
        {
            torch.set_num_threads(threads);
        }

        return device;
    }
}
