#include "common.cuh"

// Gradient of the one learned position scale: partial[block] = sum over the block's rows of de[t] . table[t mod S]. COLS = D, SEQ = S.
extern "C" __global__ void __launch_bounds__(256) position_dot(const Pack* de, const Quad* table, float* partial, int rows)
{
    __shared__ float room[32];
    float total = 0.f;
    int packs = rows * (COLS / 8);
    for (int i = blockIdx.x * 256 + threadIdx.x; i < packs; i += gridDim.x * 256)
    {
        int row = i / (COLS / 8), c = i - row * (COLS / 8);
        float v[8];
        unpack(de[i], v);
        const Quad* p = table + (u64)(row % SEQ) * (COLS / 4) + 2 * c;
        Quad a = p[0], b = p[1];
#pragma unroll
        for (int j = 0; j < 4; j++) total += v[j] * a.f[j] + v[4 + j] * b.f[j];
    }
    total = block_sum(total, room);
    if (threadIdx.x == 0) partial[blockIdx.x] = total;
}
