#include "gelu.cuh"

// dx = dy * (cdf + x * pdf), gradient of gelu_forward. dx may be dy. packs counts eight elements.
extern "C" __global__ void __launch_bounds__(256) gelu_backward(const Pack* x, const Pack* dy, Pack* dx, int packs)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i >= packs) return;
    float v[8], d[8];
    unpack(x[i], v);
    unpack(dy[i], d);
#pragma unroll
    for (int j = 0; j < 8; j++)
    {
        float cdf, pdf;
        normal(v[j], cdf, pdf);
        d[j] *= cdf + v[j] * pdf;
    }
    dx[i] = repack(d);
}
