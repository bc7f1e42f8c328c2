using System.ComponentModel.DataAnnotations;
using System.Globalization;
using CramGrains.Silo.Artefacts;

namespace CramGrains.Silo.Hosting;

/// <summary>Settings of a silo: <c>silo-settings.json</c> in its home, then the file named by <c>--config</c>, then environment variables; later ones win.</summary>
internal static class ServeConfiguration
{
    private const string Root = "cram";

    /// <summary>Sections and what they fill. A setting that stands in none of them is an error, not a silent default.</summary>
    private static readonly Dictionary<string, Type> Sections = new(StringComparer.OrdinalIgnoreCase)
    {
        ["silo"] = typeof(SiloOptions),
        ["cluster"] = typeof(ClusterMemberOptions),
        ["runs"] = typeof(RunOptions),
        ["devices"] = typeof(DeviceOptions),
        ["artefacts"] = typeof(ArtefactOptions),
        ["scheduling"] = typeof(Scheduling.SchedulingOptions),
        ["retention"] = typeof(RetentionOptions),
    };

    /// <param name="files">JSON files, those that win last; each must exist.</param>
    /// <exception cref="StartupException">A file cannot be read, or a setting is unknown.</exception>
    public static IConfigurationRoot Load(IEnumerable<string> files)
    {
        var builder = new ConfigurationBuilder();
        foreach (string file in files)
        {
            if (!File.Exists(file))
            {
                throw new StartupException($"--config: {file} does not exist or this user may not read it.");
            }

            builder.AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false);
        }

        builder.AddEnvironmentVariables();
        try
        {
            IConfigurationRoot configuration = builder.Build();
            CheckNames(configuration);
            return configuration;
        }
        catch (Exception problem) when (problem is InvalidDataException or FormatException)
        {
            throw new StartupException($"{problem.Message} {problem.InnerException?.Message}".TrimEnd());
        }
    }

    /// <summary>Fills options from their section.</summary>
    /// <exception cref="StartupException">A value has the wrong form.</exception>
    public static T Bind<T>(IConfiguration configuration, string section, T options) where T : class
    {
        try
        {
            configuration.GetSection($"{Root}:{section}").Bind(options);
            return options;
        }
        catch (InvalidOperationException problem)
        {
            throw new StartupException($"{problem.Message} {problem.InnerException?.Message}".TrimEnd());
        }
    }

    /// <summary>Checks form and range of every setting, before anything is started that would have to end again.</summary>
    /// <param name="configuration">All settings.</param>
    /// <param name="bound">Sections that are filled already, and changed by the command line.</param>
    /// <exception cref="StartupException">Values have the wrong form, or are out of range; all of the latter are named.</exception>
    public static void CheckValues(IConfiguration configuration, params IReadOnlyList<object> bound)
    {
        var problems = new List<string>();
        var filled = new List<object>();
        foreach ((string section, Type type) in Sections)
        {
            object options = bound.FirstOrDefault(type.IsInstanceOfType) ?? Bind(configuration, section, Activator.CreateInstance(type)!);
            filled.Add(options);
            var found = new List<ValidationResult>();
            Validator.TryValidateObject(options, new ValidationContext(options), found, validateAllProperties: true);
            problems.AddRange(
                from problem in found
                from name in problem.MemberNames
                let value = string.Create(CultureInfo.InvariantCulture, $"{type.GetProperty(name)!.GetValue(options)}")
                select $"{Root}:{section}:{name} is '{value}': {problem.ErrorMessage}");
        }

        if (LeaseOrderCheck.Problem(filled.OfType<RunOptions>().Single(), filled.OfType<DeviceOptions>().Single()) is { } tooSoon)
        {
            problems.Add(tooSoon);
        }

        if (problems.Count > 0)
        {
            throw new StartupException(string.Join("\n", problems));
        }
    }

    private static void CheckNames(IConfiguration configuration)
    {
        foreach (IConfigurationSection section in configuration.GetSection(Root).GetChildren())
        {
            if (!Sections.TryGetValue(section.Key, out Type? type))
            {
                throw new StartupException($"{section.Path} is no section of settings. Known: {string.Join(", ", Sections.Keys.Select(key => $"{Root}:{key}"))}.");
            }

            string[] known = [.. type.GetProperties().Where(property => property.SetMethod is { IsPublic: true }).Select(property => property.Name)];
            if (section.GetChildren().FirstOrDefault(setting => !known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)) is { } unknown)
            {
                throw new StartupException($"{unknown.Path} is no setting. Known in {section.Path}: {string.Join(", ", known)}.");
            }
        }
    }
}
