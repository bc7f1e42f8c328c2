using CramGrains.Interfaces.Runs;
using CramGrains.Model.Recipes;

namespace CramGrains.Silo.Runs;

/// <summary>The one place where a submitted recipe becomes a <see cref="Recipe"/>, or the reasons why not.</summary>
internal static class RecipeGate
{
    public static RecipeLoadResult Load(SubmitRun request) =>
        RecipeLoader.Load(request.RecipeJson, request.RecipeOrigin, request.Overrides, request.BudgetSeconds, request.CorpusPaths);
}
