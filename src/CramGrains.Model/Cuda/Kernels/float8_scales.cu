#include "common.cuh"

// Scales of the next microbatch from the largest magnitudes of this one: a power of two that puts the largest `headroom` binary orders below `limit`.
// Scales multiply values on their way into FP8, inverses are what a product multiplies by. Entries below `gradients` are e4m3 and have the first
// limit. Entries lie 16 bytes apart, as products want their scales. A tensor that was all zero or was not seen keeps its scale. Of
// amax the share `keep` stays, so that scales remember the last large values for a while.
extern "C" __global__ void __launch_bounds__(256) float8_scales(u32* amax, float* scales, float* inverses, int count, int gradients, int headroom, float keep)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= count) return;
    float most = __uint_as_float(amax[4 * i]);
    bool usable = most > 0.f && most < 3e38f;
    amax[4 * i] = usable ? __float_as_uint(most * keep) : 0;
    if (!usable) return;
    int exponent = (int)((__float_as_uint(most) >> 23) & 255) - 127;             // most is in [2^exponent, 2^(exponent + 1))
    int power = (i < gradients ? 7 : 14) - exponent - headroom;                  // 448 is above 2^8, 57344 above 2^15
    power = max(-100, min(100, power));
    scales[4 * i] = __uint_as_float((u32)(power + 127) << 23);
    inverses[4 * i] = __uint_as_float((u32)(127 - power) << 23);
}
