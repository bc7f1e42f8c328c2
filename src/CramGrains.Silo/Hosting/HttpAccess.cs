using CramGrains.Interfaces.Access;

namespace CramGrains.Silo.Hosting;

/// <summary>Asks every HTTP request for the token, except the health check, which says nothing but up or down.</summary>
internal static class HttpAccess
{
    private const string Scheme = "Bearer ";

    public static void UseToken(this WebApplication app, AccessToken token) => app.Use(async (context, next) =>
    {
        string shown = context.Request.Headers.Authorization.ToString();
        if (context.Request.Path == "/healthz" || (shown.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) && token.Matches(shown[Scheme.Length..])))
        {
            await next(context);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Bearer";
        await context.Response.WriteAsync("The cluster's token is missing or wrong: send it as Authorization: Bearer TOKEN.\n");
    });
}
