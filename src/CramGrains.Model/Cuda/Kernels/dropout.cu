#include "philox.cuh"

// y = residual + x with elements dropped and the rest scaled; residual may be null, y may be x. Eight elements a thread; element i belongs to counter i / 8.
extern "C" __global__ void __launch_bounds__(256) dropout(
    const Pack* x, const Pack* residual, Pack* y, const u32* stream, u32 site, u32 threshold, float scale, int packs)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= packs) return;
    u32 r[4];
    philox(i, 0, site, stream, r);
    float v[8], w[8] = {};
    unpack(x[i], v);
    if (residual) unpack(residual[i], w);
#pragma unroll
    for (int j = 0; j < 8; j++) w[j] += kept(r, j, threshold) ? v[j] * scale : 0.f;
    y[i] = repack(w);
}
