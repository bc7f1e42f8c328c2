#include "common.cuh"

// x[position[i]] = in[i], positions distinct, -1 skipped; the caller has cleared x. One warp a row.
extern "C" __global__ void __launch_bounds__(256) scatter_rows(const Pack* in, const int* positions, Pack* x, int rows)
{
    int row = blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    if (row >= rows) return;
    int to = positions[row];
    if (to < 0) return;
    for (int c = lane; c < COLS / 8; c += 32)
        x[(u64)to * (COLS / 8) + c] = in[(u64)row * (COLS / 8) + c];
}
