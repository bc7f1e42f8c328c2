#include "common.cuh"

// out[row] (+)= the sum of values[row][0 .. count), one block a row, in an order that depends on count alone.
extern "C" __global__ void __launch_bounds__(256) row_sums(const float* values, float* out, int count, int accumulate)
{
    __shared__ float room[32];
    float total = 0.f;
    for (int i = threadIdx.x; i < count; i += 256) total += values[(u64)blockIdx.x * count + i];
    total = block_sum(total, room);
    if (threadIdx.x == 0) out[blockIdx.x] = total + (accumulate ? out[blockIdx.x] : 0.f);
}
