using CramGrains.Silo.Commands;
using CramGrains.Silo.Hosting;
using CramGrains.Silo.Worker;

return args switch
{
    ["serve" or "worker" or "doctor", .. var rest] when rest.Any(ProgramUsage.IsHelp) => ProgramUsage.Print(ProgramUsage.Of(args[0])),
    [var first, ..] when ProgramUsage.IsHelp(first) => ProgramUsage.Print(ProgramUsage.Whole),
    ["serve", .. var rest] => await ServeProgram.RunAsync(rest),
    ["worker", "--assignment", var file] => await WorkerProgram.RunAsync(file),
    ["data", .. var rest] => DataCommand.Run(rest),
    ["pretrain", .. var rest] => PretrainCommand.Run(rest),
    ["study", .. var rest] => StudyCommand.Run(rest),
    ["glue", .. var rest] => GlueCommand.Run(rest),
    ["fill-mask", .. var rest] => FillMaskCommand.Run(rest),
    ["predict", .. var rest] => PredictCommand.Run(rest),
    ["schedules", .. var rest] => SchedulesCommand.Run(rest),
    ["estimate", .. var rest] => EstimateCommand.Run(rest),
    ["export", .. var rest] => ExportCommand.Run(rest),
    ["bench", .. var rest] => BenchCommand.Run(rest),
    ["bench-scheduler", .. var rest] => SchedulerBenchCommand.Run(rest),
    ["simulate", .. var rest] => SimulateCommand.Run(rest),
    ["doctor", "--json"] => Doctor.Run(Console.Out),
    _ => ProgramUsage.Refuse(args),
};
