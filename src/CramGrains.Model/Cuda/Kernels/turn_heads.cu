#include "common.cuh"

// Queries and keys in place, before attention: with NORM divided by their root mean square over the head, with ROTARY turned by their position's angles, pair
// (i, i + HEAD / 2) together. qkv is [T, 3, heads, HEAD]; angles hold cosines, [S, HEAD / 2], and `sines` floats on the sines; scales [T, 2, heads] keeps what a vector was multiplied by.
// HEAD / 8 lanes hold a vector; the other half of a pair lies in the lane across.
#define CH (HEAD / 8)
extern "C" __global__ void __launch_bounds__(256) turn_heads(Pack* qkv, const float* angles, float* scales, int heads, int vectors, float eps, int sines)
{
    int unit = blockIdx.x * 256 + threadIdx.x, vector = unit / CH, c = unit % CH;
    const bool live = vector < vectors; // lanes beyond the end take part in the exchanges, and write nothing
    vector = min(vector, vectors - 1);
    int token = vector / (2 * heads), part = vector % (2 * heads);
    Pack* at = qkv + ((u64)token * 3 * heads + part) * CH + c;
    float v[8];
    unpack(*at, v);
#if NORM
    float sum = 0.f;
#pragma unroll
    for (int j = 0; j < 8; j++) sum += v[j] * v[j];
#pragma unroll
    for (int o = CH / 2; o; o >>= 1) sum += __shfl_xor_sync(~0u, sum, o);
    float scale = rsqrtf(sum * (1.f / HEAD) + eps);
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] *= scale;
    if (live && c == 0) scales[vector] = scale;
#endif
#if ROTARY
    const float* a = angles + (token % SEQ) * (HEAD / 2) + (c % (CH / 2)) * 8;
    float side = c < CH / 2 ? -1.f : 1.f;
#pragma unroll
    for (int j = 0; j < 8; j++)
    {
        float across = __shfl_xor_sync(~0u, v[j], CH / 2);
        v[j] = v[j] * a[j] + side * across * a[sines + j];
    }
#endif
    if (live) *at = repack(v);
}
