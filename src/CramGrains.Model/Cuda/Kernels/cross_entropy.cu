#include "common.cuh"

// Softmax cross-entropy of one row of VOCAB bf16 logits a block: the loss in float32 and, when scale is not zero, the logits' gradient in their place.
// The row stays in registers, so logits are read once and written once. loss = lse - logit[label] + z * lse^2; a label of -1 gives loss and gradient 0.
#define PACKS ((VOCAB / 8 + 511) / 512)
extern "C" __global__ void __launch_bounds__(512) cross_entropy(Pack* logits, const int* labels, float* losses, float scale, float z)
{
    __shared__ float room[32], target;
    Pack* row = logits + (u64)blockIdx.x * (VOCAB / 8);
    int label = labels[blockIdx.x];
    if (label < 0)
    {
        if (threadIdx.x == 0) losses[blockIdx.x] = 0.f;
        if (scale != 0.f)
            for (int c = threadIdx.x; c < VOCAB / 8; c += 512) row[c] = Pack{};
        return;
    }
    Pack p[PACKS];
    float peak = -3.0e38f;
#pragma unroll
    for (int i = 0; i < PACKS; i++)
    {
        int c = threadIdx.x + 512 * i;
        if (c < VOCAB / 8) p[i] = row[c];
    }
#pragma unroll
    for (int i = 0; i < PACKS; i++)
    {
        int c = threadIdx.x + 512 * i;
        if (c >= VOCAB / 8) continue;
        float v[8];
        unpack(p[i], v);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            peak = fmaxf(peak, v[j]);
            if (8 * c + j == label) target = v[j];
        }
    }
    peak = warp_max(peak);
    if ((threadIdx.x & 31) == 0) room[threadIdx.x >> 5] = peak;
    __syncthreads();
    peak = warp_max(room[threadIdx.x & 15]);
    const float log2e = 1.4426950408889634f;
    float sum = 0.f, shift = peak * log2e;
#pragma unroll
    for (int i = 0; i < PACKS; i++)
    {
        if (threadIdx.x + 512 * i >= VOCAB / 8) continue;
        float v[8];
        unpack(p[i], v);
#pragma unroll
        for (int j = 0; j < 8; j++) sum += exp2_fast(v[j] * log2e - shift);
    }
    sum = block_sum(sum, room);
    float lse = peak + __logf(sum);
    if (threadIdx.x == 0) losses[blockIdx.x] = lse - target + z * lse * lse;
    if (scale == 0.f) return;
    float factor = scale * (1.f + 2.f * z * lse), norm = factor / sum;
#pragma unroll
    for (int i = 0; i < PACKS; i++)
    {
        int c = threadIdx.x + 512 * i;
        if (c >= VOCAB / 8) continue;
        float v[8];
        unpack(p[i], v);
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] = norm * exp2_fast(v[j] * log2e - shift) - (8 * c + j == label ? scale : 0.f);
        row[c] = repack(v);
    }
}
