using CramGrains.Interfaces.Access;

namespace CramGrains.Silo.Hosting;

/// <summary>Lets no grain call through that does not carry the cluster's token.</summary>
internal sealed partial class TokenCheck(AccessToken token, Telemetry.CramMetrics metrics, ILogger<TokenCheck> logger) : IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context)
    {
        // System targets (membership, directory) are the silos' own talk; certificates guard it.
        if (context.TargetId.IsSystemTarget() || IsOwnTimer(context) || token.Matches(AccessToken.OfCall()))
        {
            return context.Invoke();
        }

        metrics.FenceRejected("token");
        LogRefused(logger, context.InterfaceName, context.MethodName);
        throw new UnauthorizedAccessException(
            "The cluster's token is missing or wrong. Give it with CRAM_TOKEN, or name its file as token_file in the client's settings.");
    }

    /// <summary>A grain's timer is a message of the grain to itself, made by Orleans without what calls carry. From elsewhere it reaches no timer: those are found in memory only.</summary>
    private static bool IsOwnTimer(IIncomingGrainCallContext context) => context.InterfaceName == "IGrainTimerInvoker" && context.SourceId == context.TargetId;

    [LoggerMessage(EventId = 1601, Level = LogLevel.Warning, Message = "Refused a call without the cluster's token: {Interface}.{Method}")]
    private static partial void LogRefused(ILogger logger, string @interface, string method);
}
