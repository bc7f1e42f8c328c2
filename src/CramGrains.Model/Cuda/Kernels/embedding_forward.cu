#include "common.cuh"

// e[t] = word[id[t]] + scale * table[t mod S]. One warp a row. COLS = D, SEQ = S. scale may be null (no positions).
extern "C" __global__ void __launch_bounds__(256) embedding_forward(const int* ids, const Pack* word, const Quad* table, const float* scale, Pack* out, int rows)
{
    int row = blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    if (row >= rows) return;
    float s = scale ? *scale : 0.f;
    const Pack* w = word + (u64)ids[row] * (COLS / 8);
    const Quad* p = table + (u64)(row % SEQ) * (COLS / 4);
    for (int c = lane; c < COLS / 8; c += 32)
    {
        float v[8];
        unpack(w[c], v);
        Quad a = p[2 * c], b = p[2 * c + 1];
#pragma unroll
        for (int i = 0; i < 4; i++) { v[i] += s * a.f[i]; v[4 + i] += s * b.f[i]; }
        out[(u64)row * (COLS / 8) + c] = repack(v);
    }
}
