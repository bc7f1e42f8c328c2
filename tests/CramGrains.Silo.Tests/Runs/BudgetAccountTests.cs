using CramGrains.Silo.Runs;

namespace CramGrains.Silo.Tests.Runs;

public sealed class BudgetAccountTests
{
    [Fact]
    public void TryCharge_SameTotalTwice_CountsOnce()
    {
        var account = Begun(epoch: 1, used: 0);

        Assert.True(account.TryCharge(1, 12.5));
        Assert.True(account.TryCharge(1, 12.5));

        Assert.Equal(12.5, account.UsedSeconds);
    }

    [Fact]
    public void TryCharge_OlderEpoch_IsRefusedAndChargesNothing()
    {
        var account = Begun(epoch: 1, used: 10);
        Assert.True(account.TryBegin(2, 10));

        Assert.False(account.TryCharge(1, 99));

        Assert.Equal(10, account.UsedSeconds);
    }

    [Fact]
    public void TryBegin_OlderEpoch_IsRefused() => Assert.False(Begun(epoch: 3, used: 5).TryBegin(2, 50));

    [Theory]
    [InlineData(4.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void TryCharge_LessOrNotANumber_GivesNoTimeBack(double reported)
    {
        var account = Begun(epoch: 1, used: 7);

        account.TryCharge(1, reported);

        Assert.Equal(7, account.UsedSeconds);
    }

    private static BudgetAccount Begun(long epoch, double used)
    {
        var account = new BudgetAccount();
        Assert.True(account.TryBegin(epoch, used));
        return account;
    }
}
