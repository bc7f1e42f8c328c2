#include "common.cuh"

// gradient[token] += sum of de over the token's positions, without atomics. The host has sorted positions by token and cut each token's run into
// pieces of at most 64: piece p covers order[start[p]] .. order[start[p + 1] - 1]. A piece that is its token's only one adds to the gradient (target >= 0:
// the token); others leave their sum in partial row -1 - target, and embedding_long adds those in order. COLS / 8 threads, one block a piece.
extern "C" __global__ void embedding_backward(const Pack* de, const int* order, const int* start, const int* target, float* gradient, Quad* partial, const int* counts)
{
    if (blockIdx.x >= counts[0]) return; // a recorded launch has blocks for the most pieces there can be
    int first = start[blockIdx.x], last = start[blockIdx.x + 1], to = target[blockIdx.x];
    float sum[8] = {};
#pragma unroll 4
    for (int i = first; i < last; i++)
    {
        float v[8];
        unpack(de[(u64)order[i] * (COLS / 8) + threadIdx.x], v);
#pragma unroll
        for (int j = 0; j < 8; j++) sum[j] += v[j];
    }
    Quad* out = to >= 0 ? (Quad*)(gradient + (u64)to * COLS) : partial + (u64)(-1 - to) * (COLS / 4);
    Quad a = {}, b = {};
    if (to >= 0) { a = out[2 * threadIdx.x]; b = out[2 * threadIdx.x + 1]; }
#pragma unroll
    for (int j = 0; j < 4; j++) { a.f[j] += sum[j]; b.f[j] += sum[4 + j]; }
    out[2 * threadIdx.x] = a;
    out[2 * threadIdx.x + 1] = b;
}
