using CramGrains.Model.Data;

namespace CramGrains.Model.Training;

/// <summary>Where the loop takes its microbatches from.</summary>
internal interface IMicrobatchSource
{
    /// <summary>Microbatches taken so far; setting it goes on from there, bit for bit.</summary>
    long Position { get; set; }

    /// <summary>Fills the next microbatch: rows in the run's order, masks from the run's own stream.</summary>
    /// <param name="microbatch">Receives ids, positions and labels.</param>
    /// <param name="maskFraction">Fraction of positions to mask; the count stays within the microbatch's room.</param>
    void Fill(MaskedMicrobatch microbatch, double maskFraction);
}
