#include "common.cuh"

// Gradient of turn_heads, in place: dqkv holds the gradient at the turned vectors and receives that at the vectors before. qkv, the turned vectors, is read with
// NORM only: dx = scale * (g - n * mean(g * n)), g and n being gradient and vector turned back.
#define CH (HEAD / 8)
extern "C" __global__ void __launch_bounds__(256) turn_heads_backward(
    const Pack* qkv, Pack* dqkv, const float* angles, const float* scales, int heads, int vectors, int sines)
{
    int unit = blockIdx.x * 256 + threadIdx.x, vector = unit / CH, c = unit % CH;
    const bool live = vector < vectors; // lanes beyond the end take part in the exchanges, and write nothing
    vector = min(vector, vectors - 1);
    int token = vector / (2 * heads), part = vector % (2 * heads);
    u64 at = ((u64)token * 3 * heads + part) * CH + c;
    float g[8];
    unpack(dqkv[at], g);
#if NORM
    float n[8];
    unpack(qkv[at], n);
#endif
#if ROTARY
    const float* a = angles + (token % SEQ) * (HEAD / 2) + (c % (CH / 2)) * 8;
    float side = c < CH / 2 ? 1.f : -1.f;
#pragma unroll
    for (int j = 0; j < 8; j++)
    {
        float cosine = a[j], sine = side * a[sines + j];
        float across = __shfl_xor_sync(~0u, g[j], CH / 2);
        g[j] = g[j] * cosine + across * sine;
#if NORM
        across = __shfl_xor_sync(~0u, n[j], CH / 2);
        n[j] = n[j] * cosine + across * sine;
#endif
    }
#endif
#if NORM
    float dot = 0.f, scale = scales[vector];
#pragma unroll
    for (int j = 0; j < 8; j++) dot += g[j] * n[j];
#pragma unroll
    for (int o = CH / 2; o; o >>= 1) dot += __shfl_xor_sync(~0u, dot, o);
    dot *= 1.f / HEAD;
#pragma unroll
    for (int j = 0; j < 8; j++) g[j] = scale * (g[j] - n[j] * dot);
#endif
    if (live) dqkv[at] = repack(g);
}
