#include "common.cuh"

// y = residual[layer] * x + embedding[layer] * x0, element by element; x may be x0. packs counts eight elements.
extern "C" __global__ void __launch_bounds__(256) mix_forward(
    const Pack* x, const Pack* x0, const float* residual, const float* embedding, Pack* y, int layer, int packs)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= packs) return;
    float r = residual[layer], e = embedding[layer], v[8], w[8];
    unpack(x[i], v);
    unpack(x0[i], w);
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] = r * v[j] + e * w[j];
    y[i] = repack(v);
}
