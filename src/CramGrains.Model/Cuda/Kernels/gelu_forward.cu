#include "gelu.cuh"

// y = gelu(x) by the error function, of the head transform. packs counts eight elements.
extern "C" __global__ void __launch_bounds__(256) gelu_forward(const Pack* x, Pack* y, int packs)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= packs) return;
    float v[8];
    unpack(x[i], v);
#pragma unroll
    for (int j = 0; j < 8; j++)
    {
        float cdf, pdf;
        normal(v[j], cdf, pdf);
        v[j] *= cdf;
    }
    y[i] = repack(v);
}
