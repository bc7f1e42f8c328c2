#include "common.cuh"

// x += y, element by element. packs counts eight elements.
extern "C" __global__ void __launch_bounds__(256) add_rows(Pack* x, const Pack* y, int packs)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= packs) return;
    float v[8], w[8];
    unpack(x[i], v);
    unpack(y[i], w);
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] += w[j];
    x[i] = repack(v);
}
