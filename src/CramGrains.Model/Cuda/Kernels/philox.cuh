#pragma once
#include "common.cuh"

// Philox4x32-10 (Salmon et al. 2011): random bits as a function of counter and key, so that a backward pass draws what its forward pass drew.
// A stream in device memory is { key word 0, key word 1, step }. One call serves eight elements, sixteen bits each.
__device__ __forceinline__ void philox(u32 c0, u32 c1, u32 site, const u32* stream, u32* r)
{
    u32 c2 = site, c3 = stream[2], k0 = stream[0], k1 = stream[1];
#pragma unroll
    for (int i = 0; i < 10; i++)
    {
        u32 h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0, h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    r[0] = c0; r[1] = c1; r[2] = c2; r[3] = c3;
}

// Element j of eight.
__device__ __forceinline__ bool kept(const u32* r, int j, u32 threshold) { return ((r[j >> 1] >> (16 * (j & 1))) & 0xffffu) >= threshold; }
