#include "common.cuh"

// Tokens of several pieces: gradient[token] += partial[first] + ... + partial[first + count - 1], in order. entries[k] = { token, first, count }.
// 256 threads: each column quad is summed by the block's threads over strided columns, one block a token and a 32-quad slice of columns.
extern "C" __global__ void __launch_bounds__(256) embedding_long(const int* entries, const Quad* partial, float* gradient, const int* counts)
{
    if (blockIdx.x >= counts[1]) return; // as in embedding_backward
    __shared__ float room[8][32][4];
    int token = entries[3 * blockIdx.x], first = entries[3 * blockIdx.x + 1], count = entries[3 * blockIdx.x + 2];
    int lane = threadIdx.x & 31, group = threadIdx.x >> 5, c = blockIdx.y * 32 + lane;
    int each = (count + 7) / 8, from = group * each, to = min(count, from + each);
    Quad sum = {};
    if (c < COLS / 4)
        for (int i = from; i < to; i++)
        {
            Quad q = partial[(u64)(first + i) * (COLS / 4) + c];
#pragma unroll
            for (int j = 0; j < 4; j++) sum.f[j] += q.f[j];
        }
#pragma unroll
    for (int j = 0; j < 4; j++) room[group][lane][j] = sum.f[j];
    __syncthreads();
    if (group == 0 && c < COLS / 4)
    {
        Quad* out = (Quad*)(gradient + (u64)token * COLS) + c;
        Quad q = *out;
        for (int g = 0; g < 8; g++)
#pragma unroll
            for (int j = 0; j < 4; j++) q.f[j] += room[g][lane][j];
        *out = q;
    }
}
