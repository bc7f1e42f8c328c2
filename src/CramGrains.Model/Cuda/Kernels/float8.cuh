#pragma once
#include "common.cuh"

// FP8 copies of bf16 tensors, made by the kernel that produces the tensor: eight elements are scaled, rounded and packed into eight bytes, and the largest
// magnitude is kept for the scale of the next microbatch. Activations and weights take e4m3, gradients e5m2. Built with -DFP8=1; needs compute capability 8.9.
template <bool GRADIENT> __device__ __forceinline__ u32 pack_float8(float a, float b)
{
    unsigned short r;
    if (GRADIENT)
        asm("cvt.rn.satfinite.e5m2x2.f32 %0, %1, %2;" : "=h"(r) : "f"(b), "f"(a));
    else
        asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(r) : "f"(b), "f"(a));
    return r;
}

template <bool GRADIENT> __device__ __forceinline__ uint2 pack_float8(const float* v, float scale)
{
    return make_uint2(
        pack_float8<GRADIENT>(v[0] * scale, v[1] * scale) | pack_float8<GRADIENT>(v[2] * scale, v[3] * scale) << 16,
        pack_float8<GRADIENT>(v[4] * scale, v[5] * scale) | pack_float8<GRADIENT>(v[6] * scale, v[7] * scale) << 16);
}

__device__ __forceinline__ float largest(const float* v, float most)
{
#pragma unroll
    for (int j = 0; j < 8; j++) most = fmaxf(most, fabsf(v[j]));
    return most;
}

// Keeps the largest magnitude that the block has seen. Bits of non-negative floats order as the floats do; most blocks find a larger value there already.
__device__ __forceinline__ void keep_largest(float most, u32* amax)
{
    __shared__ float peaks[32];
    most = warp_max(most);
    if ((threadIdx.x & 31) == 0) peaks[threadIdx.x >> 5] = most;
    __syncthreads();
    if (threadIdx.x >= 32) return;
    most = warp_max(threadIdx.x < blockDim.x >> 5 ? peaks[threadIdx.x] : 0.f);
    if (threadIdx.x == 0 && __float_as_uint(most) > *(volatile u32*)amax) atomicMax(amax, __float_as_uint(most));
}
