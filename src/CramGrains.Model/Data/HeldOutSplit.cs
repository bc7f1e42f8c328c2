namespace CramGrains.Model.Data;

/// <summary>Chooses the documents that are kept out of training: one at random in every 1 / fraction, so that small corpora get their share too.</summary>
internal static class HeldOutSplit
{
    public static bool Contains(long document, double fraction)
    {
        // Stratum b holds the documents in [b / fraction, (b + 1) / fraction) and gives the one at (b + u) / fraction; since strata may meet inside a
        // document, both of its ends are asked.
        var first = (long)Math.Floor(document * fraction);
        var last = (long)Math.Floor((document + 1) * fraction);
        for (var stratum = first; stratum <= last; stratum++)
        {
            var u = new CounterRandom(0, "held-out", (ulong)stratum).NextDouble();
            if ((long)Math.Floor((stratum + u) / fraction) == document)
            {
                return true;
            }
        }

        return false;
    }
}
