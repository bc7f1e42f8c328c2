#include "common.cuh"

// partial[block] = sum of the squares of the block's share of the flat gradient; count is in float4 units.
extern "C" __global__ void __launch_bounds__(256) gradient_squares(const Quad* gradient, float* partial, long long count)
{
    __shared__ float room[32];
    float a[4] = {};
    long long step = (long long)gridDim.x * 256;
    long long i = (long long)blockIdx.x * 256 + threadIdx.x;
    for (; i + 3 * step < count; i += 4 * step)
    {
        Quad q[4];
#pragma unroll
        for (int k = 0; k < 4; k++) q[k] = gradient[i + k * step];
#pragma unroll
        for (int k = 0; k < 4; k++)
#pragma unroll
            for (int j = 0; j < 4; j++) a[j] += q[k].f[j] * q[k].f[j];
    }
    for (; i < count; i += step)
    {
        Quad q = gradient[i];
#pragma unroll
        for (int j = 0; j < 4; j++) a[j] += q.f[j] * q.f[j];
    }
    float total = block_sum(a[0] + a[1] + a[2] + a[3], room);
    if (threadIdx.x == 0) partial[blockIdx.x] = total;
}
