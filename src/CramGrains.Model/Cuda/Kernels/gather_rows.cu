#include "common.cuh"

// out[i] = x[position[i]]; rows with position -1 (unused room for masked positions) become zero. One warp a row.
extern "C" __global__ void __launch_bounds__(256) gather_rows(const Pack* x, const int* positions, Pack* out, int rows)
{
    int row = blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    if (row >= rows) return;
    int from = positions[row];
    for (int c = lane; c < COLS / 8; c += 32)
        out[(u64)row * (COLS / 8) + c] = from < 0 ? Pack{} : x[(u64)from * (COLS / 8) + c];
}
