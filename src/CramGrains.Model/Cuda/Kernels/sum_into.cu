#include "common.cuh"

// out (+)= scale * sum(values), one block, in an order that depends on count alone.
extern "C" __global__ void __launch_bounds__(1024) sum_into(const float* values, float* out, int count, float scale, int accumulate)
{
    __shared__ float room[32];
    float total = 0.f;
    for (int i = threadIdx.x; i < count; i += 1024) total += values[i];
    total = block_sum(total, room);
    if (threadIdx.x == 0) *out = scale * total + (accumulate ? *out : 0.f);
}
