using TorchSharp;

namespace CramGrains.Model.Tests;

public sealed class NativeLoadTests
{
    [Fact]
    public void Torch_OnThisMachine_LoadsAndMultiplies()
    {
        using var scope = torch.NewDisposeScope();
        var product = torch.ones(2, 3).mm(torch.ones(3, 2));
        Assert.Equal(3f, product[0, 0].item<float>());
    }
}
