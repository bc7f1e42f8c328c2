#pragma once
// Shared by every kernel; put in front of each source before it is compiled. No CUDA headers: NVRTC has none at hand.
// The working type travels packed, eight to a 16-byte load, and is computed with as float. It is bfloat16, which gives the type its name; with -DFP16=1 it is
// IEEE float16, for GPUs without bfloat16.
typedef unsigned short bf16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct __align__(16) Pack { u32 w[4]; };   // eight bf16
struct __align__(16) Quad { float f[4]; }; // four float

#if FP16
__device__ __forceinline__ float low(u32 w)
{
    float f;
    asm("{ .reg .b16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, a; }" : "=f"(f) : "r"(w));
    return f;
}

__device__ __forceinline__ float high(u32 w)
{
    float f;
    asm("{ .reg .b16 a, b; mov.b32 {a, b}, %1; cvt.f32.f16 %0, b; }" : "=f"(f) : "r"(w));
    return f;
}

// Too large becomes infinite, which the loss scale watches for.
__device__ __forceinline__ u32 pack(float lo, float hi)
{
    u32 r;
    asm("{ .reg .b16 a, b; cvt.rn.f16.f32 a, %1; cvt.rn.f16.f32 b, %2; mov.b32 %0, {a, b}; }" : "=r"(r) : "f"(lo), "f"(hi));
    return r;
}
#else
__device__ __forceinline__ float low(u32 w) { return __uint_as_float(w << 16); }
__device__ __forceinline__ float high(u32 w) { return __uint_as_float(w & 0xffff0000u); }

__device__ __forceinline__ u32 pack(float lo, float hi)
{
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
    return r;
}
#endif

__device__ __forceinline__ void unpack(const Pack& p, float* v)
{
#pragma unroll
    for (int i = 0; i < 4; i++) { v[2 * i] = low(p.w[i]); v[2 * i + 1] = high(p.w[i]); }
}

__device__ __forceinline__ Pack repack(const float* v)
{
    Pack p;
#pragma unroll
    for (int i = 0; i < 4; i++) p.w[i] = pack(v[2 * i], v[2 * i + 1]);
    return p;
}

__device__ __forceinline__ float exp2_fast(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ float warp_sum(float v)
{
#pragma unroll
    for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(~0u, v, o);
    return v;
}

__device__ __forceinline__ float warp_max(float v)
{
#pragma unroll
    for (int o = 16; o; o >>= 1) v = fmaxf(v, __shfl_xor_sync(~0u, v, o));
    return v;
}

// Sum over the block in an order that depends on nothing but its size; every thread gets it. `room` holds 32 floats.
__device__ __forceinline__ float block_sum(float v, float* room)
{
    v = warp_sum(v);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) room[threadIdx.x >> 5] = v;
    __syncthreads();
    v = (threadIdx.x & 31) < ((blockDim.x + 31) >> 5) ? room[threadIdx.x & 31] : 0.f;
    return warp_sum(v);
}
