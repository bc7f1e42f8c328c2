using CramGrains.Silo.Hosting;

namespace CramGrains.Silo.Tests.Hosting;

/// <summary>The doctor beside a driver that is ill.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-doctor-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("sleep 600", "Error", "has not answered for 1 s: the driver hangs")]
    [InlineData("echo failed; exit 9", "Warning", "ended with 9: failed")]
    [InlineData("echo H100, 570, 80000 MiB", "Ok", "H100, 570, 80000 MiB")]
    public void Driver_WhateverItSays_IsToldInTime(string script, string status, string detail)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The script is one of a Unix shell.");
        string program = Path.Combine(_folder, "smi");
        File.WriteAllText(program, $"#!/bin/sh\n{script}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        DoctorCheck check = Doctor.Driver(program, TimeSpan.FromSeconds(status == "Error" ? 1 : 60));

        Assert.Equal(status, check.Status.ToString());
        Assert.Contains(detail, check.Detail, StringComparison.Ordinal);
    }
}
