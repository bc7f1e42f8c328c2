#include "common.cuh"

// Weight and bias gradients of every norm at once: gradient[offset[norm][which] + c] (+)= sum over blocks of partial[norm][block][which][c], in block order.
// Grid: (ceil(COLS / 32), 2, norms), 256 threads: 8 groups of 32 columns sum an eighth of the blocks each.
extern "C" __global__ void __launch_bounds__(256) column_sums(const float* partial, const long long* offsets, float* gradient, int blocks, int accumulate)
{
    __shared__ float room[8][32];
    int c = blockIdx.x * 32 + (threadIdx.x & 31), group = threadIdx.x >> 5, which = blockIdx.y, norm = blockIdx.z;
    int each = (blocks + 7) / 8, first = group * each, last = min(blocks, first + each);
    const float* p = partial + ((u64)norm * blocks * 2 + which) * COLS + c;
    float total = 0.f;
    if (c < COLS)
#pragma unroll 8
        for (int b = first; b < last; b++) total += p[(u64)b * 2 * COLS];
    room[group][threadIdx.x & 31] = total;
    __syncthreads();
    if (group == 0 && c < COLS)
    {
        total = 0.f;
#pragma unroll
        for (int g = 0; g < 8; g++) total += room[g][threadIdx.x & 31];
        float* out = gradient + offsets[norm * 2 + which] + c;
        *out = accumulate ? *out + total : total;
    }
}
