#include "common.cuh"

// Gradient of mix_forward, layers taken from the last to the first: dx = residual[layer] * dy, dx0 (+)= embedding[layer] * dy; with `last` (layer 0, whose x is
// x0) dx takes dx0 up as well. dx may be dy. With `first` dx0 holds nothing yet. This block's shares of the two scalars' gradients, dy . x and dy . x0, go to
// partial[2][layers][blocks], which row_sums adds up in order.
extern "C" __global__ void __launch_bounds__(256) mix_backward(
    const Pack* dy, const Pack* x, const Pack* x0, const float* residual, const float* embedding, Pack* dx, Pack* dx0, float* partial,
    int layer, int layers, int packs, int first, int last)
{
    __shared__ float room[32];
    float r = residual[layer], e = embedding[layer], dr = 0.f, de = 0.f;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < packs; i += gridDim.x * 256)
    {
        float d[8], v[8], w[8], c[8] = {};
        unpack(dy[i], d);
        unpack(x[i], v);
        unpack(x0[i], w);
        if (!first) unpack(dx0[i], c);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            dr += d[j] * v[j];
            de += d[j] * w[j];
            c[j] += e * d[j];
            d[j] = r * d[j] + (last ? c[j] : 0.f);
        }
        dx[i] = repack(d);
        if (!last) dx0[i] = repack(c);
    }
    dr = block_sum(dr, room);
    de = block_sum(de, room);
    if (threadIdx.x == 0)
    {
        partial[(u64)layer * gridDim.x + blockIdx.x] = dr;
        partial[(u64)(layers + layer) * gridDim.x + blockIdx.x] = de;
    }
}
