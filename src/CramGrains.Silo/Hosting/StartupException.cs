namespace CramGrains.Silo.Hosting;

/// <summary>The silo cannot start and its user can do something about it; the message says what. Printed without a stack trace, exit code 2.</summary>
internal sealed class StartupException(string message) : Exception(message);
