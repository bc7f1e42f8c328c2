namespace CramGrains.Model.Recipes;

internal static partial class RecipeRules
{
    private static void Optimizer(OptimizerRecipe optimizer, Collector rules)
    {
        rules.Above("training.optimizer.learning_rate", optimizer.LearningRate, 0, 10);
        rules.From("training.optimizer.beta1", optimizer.Beta1, 0, 1);
        rules.From("training.optimizer.beta2", optimizer.Beta2, 0, 1);
        rules.Above("training.optimizer.epsilon", optimizer.Epsilon, 0, 1);
        rules.Within("training.optimizer.weight_decay", optimizer.WeightDecay, 0, 10);
        rules.Above("training.optimizer.muon_learning_rate", optimizer.MuonLearningRate ?? 1, 0, 10);
        rules.From("training.optimizer.muon_momentum", optimizer.MuonMomentum, 0, 1);
        rules.Within("training.optimizer.muon_weight_decay", optimizer.MuonWeightDecay, 0, 10);
        bool muon = optimizer.UsesMuon;
        string kind = System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(optimizer.Kind.ToString());
        rules.Check(
            muon == optimizer.MuonLearningRate is not null, "training.optimizer.muon_learning_rate",
            muon ? $"is needed with kind {kind}" : "must be absent with kind adam-w", optimizer.MuonLearningRate is { } rate ? Text(rate) : "nothing");
        Muon(optimizer, muon, kind, rules);
    }

    private static void Muon(OptimizerRecipe optimizer, bool muon, string kind, Collector rules)
    {
        const string Path = "training.optimizer.muon_";
        rules.From($"{Path}momentum_start", optimizer.MuonMomentumStart ?? 0, 0, 1);
        rules.Within($"{Path}momentum_steps", optimizer.MuonMomentumSteps ?? 1, 1, 1e9);
        rules.Check(
            optimizer.MuonMomentumStart is null == optimizer.MuonMomentumSteps is null, $"{Path}momentum_start", $"goes with {Path}momentum_steps",
            optimizer.MuonMomentumStart is null ? "the steps alone" : "the start alone", "Give both, for example 0.85 and 300, or neither.");
        rules.Check(
            optimizer.MuonMomentumStart is not { } start || start <= optimizer.MuonMomentum, $"{Path}momentum_start", $"must be at most {Path}momentum ({Text(optimizer.MuonMomentum)})",
            Text(optimizer.MuonMomentumStart ?? 0));
        rules.From("training.optimizer.nor_muon_beta2", optimizer.NorMuonBeta2 ?? 0, 0, 1);
        rules.Check(
            optimizer.NorMuonBeta2 is null || optimizer.Kind == OptimizerKind.NorMuon, "training.optimizer.nor_muon_beta2", "goes with kind nor-muon alone", $"kind {kind}");
        foreach (var (given, key) in (ReadOnlySpan<(bool, string)>)
            [(optimizer.MuonMomentumStart is not null, "momentum_start"), (optimizer.MuonCautiousDecay, "cautious_decay"), (optimizer.MuonDecayFollowsSchedule, "decay_follows_schedule")])
        {
            rules.Check(muon || !given, $"{Path}{key}", "goes with kinds muon and nor-muon alone", $"kind {kind}");
        }
    }
}
