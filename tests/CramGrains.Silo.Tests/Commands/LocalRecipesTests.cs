using CramGrains.Silo.Commands;

namespace CramGrains.Silo.Tests.Commands;

public sealed class LocalRecipesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cram-recipes-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("quickstart")]
    [InlineData("quickstart.json")]
    public void Load_NameOfABundledRecipe_IsThatRecipe(string name) =>
        Assert.Equal(("quickstart", 7), (LocalRecipes.Load(name, ["seed=7"]).Name, LocalRecipes.Load(name, ["seed=7"]).Seed));

    [Fact]
    public void Load_WhatIsNoRecipe_SaysWhatThereIs()
    {
        string missing = Assert.Throws<ArgumentException>(() => LocalRecipes.Load("quickstat", [])).Message;
        Assert.StartsWith("Recipe quickstat: there is no such file. Give a path, or one of these names: ", missing, StringComparison.Ordinal);
        Assert.Contains("crammed-bert-24h", missing, StringComparison.Ordinal);
        Assert.StartsWith($"Recipe {_folder}: is a folder. ", Assert.Throws<ArgumentException>(() => LocalRecipes.Load(_folder, [])).Message, StringComparison.Ordinal);
    }
}
