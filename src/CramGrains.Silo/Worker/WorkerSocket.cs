namespace CramGrains.Silo.Worker;

/// <summary>The worker's ears: HTTP on a Unix domain socket that only this user can open.</summary>
internal static class WorkerSocket
{
    /// <summary>Starts answering; the returned application is disposed by the caller.</summary>
    public static async Task<WebApplication> StartAsync(WorkerAssignment assignment, WorkerBoard board, WorkerLease lease, WorkerOrders orders)
    {
        File.Delete(assignment.SocketPath); // A socket file outlives the process that bound it; the device lock says that nobody uses it.
        Directory.CreateDirectory(Path.GetDirectoryName(assignment.SocketPath)!);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(assignment.SocketPath));
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = WorkerJson.Options.PropertyNamingPolicy;
            json.SerializerOptions.DefaultIgnoreCondition = WorkerJson.Options.DefaultIgnoreCondition;
            json.SerializerOptions.NumberHandling = WorkerJson.Options.NumberHandling;
            foreach (var converter in WorkerJson.Options.Converters)
            {
                json.SerializerOptions.Converters.Add(converter);
            }
        });

        var app = builder.Build();
        app.MapGet("/status", () => board.Status);
        app.MapPost("/lease", (WorkerCommand command) =>
            lease.TryRenew(command.LeaseEpoch, TimeSpan.FromSeconds(command.Seconds), command.Since) ? Results.Ok() : Results.Conflict());
        app.MapPost("/checkpoint", (WorkerCommand command) => Obey(command, orders.AskForCheckpoint));
        app.MapPost("/stop", (WorkerCommand command) => Obey(command, () => orders.AskToStop(command.Reason)));
        await app.StartAsync();
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(assignment.SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return app;

        IResult Obey(WorkerCommand command, Action action)
        {
            if (command.LeaseEpoch != lease.Epoch)
            {
                return Results.Conflict();
            }

            action();
            return Results.Ok();
        }
    }
}
