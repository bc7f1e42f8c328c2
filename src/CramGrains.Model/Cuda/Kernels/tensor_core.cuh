#pragma once
#include "common.cuh"

// Warp-level matrix products of 16-bit tiles in shared memory (mma.sync m16n8k16, float32 accumulation) and the tile layout they read without bank conflicts.
// Compute capability 7.5 has neither asynchronous copies nor products of 16 columns: there a thread copies through registers and a product is two of 8 columns.
// A tile is rows of CHUNKS 16-byte chunks; the chunk index is mixed with the row, so that the eight rows of an 8 x 8 block lie in distinct banks.
template <int CHUNKS> __device__ __forceinline__ u32 slot(int row, int chunk)
{
    return CHUNKS >= 8 ? row * CHUNKS + (chunk ^ (row & 7)) : row * 4 + (chunk ^ ((row >> 1) & 3));
}

__device__ __forceinline__ u32 shared_address(const void* p)
{
    u32 a;
    asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(a) : "l"(p));
    return a;
}

__device__ __forceinline__ void copy_async(u32 shared, const void* global)
{
#if __CUDA_ARCH__ < 800
    Pack p = *(const Pack*)global;
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(p.w[0]), "r"(p.w[1]), "r"(p.w[2]), "r"(p.w[3]) : "memory");
#else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared), "l"(global));
#endif
}

__device__ __forceinline__ void copies_done()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;\ncp.async.wait_group 0;" ::: "memory");
#endif
}

__device__ __forceinline__ void load4(u32* r, u32 address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

__device__ __forceinline__ void load4_transposed(u32* r, u32 address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}

__device__ __forceinline__ void multiply(float* c, const u32* a, u32 b0, u32 b1)
{
#if FP16
#define OPERANDS "f16.f16"
#else
#define OPERANDS "bf16.bf16"
#endif
#if __CUDA_ARCH__ < 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32." OPERANDS ".f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(b0));
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32." OPERANDS ".f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[2]), "r"(a[3]), "r"(b1));
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." OPERANDS ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// Operand A (16 rows, 16 columns) of a row-major tile, at (row, 8 * chunk).
template <int CHUNKS> __device__ __forceinline__ void load_a(u32* a, u32 tile, int row, int chunk)
{
    int lane = threadIdx.x & 31;
    load4(a, tile + 16 * slot<CHUNKS>(row + (lane & 15), chunk + (lane >> 4)));
}

// Operand A of the transposed tile: 16 columns from 8 * chunk on become rows, 16 rows from `row` on become columns.
template <int CHUNKS> __device__ __forceinline__ void load_a_transposed(u32* a, u32 tile, int row, int chunk)
{
    int lane = threadIdx.x & 31;
    load4_transposed(a, tile + 16 * slot<CHUNKS>(row + (lane & 7) + ((lane >> 4) << 3), chunk + ((lane >> 3) & 1)));
}

// Operand B for two 8-column results, from a tile that holds B transposed (its rows are B's columns): rows row..row+15, 16 columns from 8 * chunk on.
// b[0], b[1] serve result columns row..row+7; b[2], b[3] the next eight.
template <int CHUNKS> __device__ __forceinline__ void load_b_of_rows(u32* b, u32 tile, int row, int chunk)
{
    int lane = threadIdx.x & 31;
    load4(b, tile + 16 * slot<CHUNKS>(row + (lane & 7) + ((lane >> 4) << 3), chunk + ((lane >> 3) & 1)));
}

// Operand B for two 8-column results, from a tile that holds B as it is: rows row..row+15 are summed over, columns 8 * chunk .. + 15 are results.
template <int CHUNKS> __device__ __forceinline__ void load_b(u32* b, u32 tile, int row, int chunk)
{
    int lane = threadIdx.x & 31;
    load4_transposed(b, tile + 16 * slot<CHUNKS>(row + (lane & 15), chunk + (lane >> 4)));
}

// Results of NT column tiles (16 rows x 8 NT) as the working type to global memory: the four lanes of a quad trade words so that each writes whole 16-byte chunks.
// `also` is given each chunk and its offset; without `to` nothing else is written.
template <int NT, class Also> __device__ __forceinline__ void store_rows(const float (*acc)[4], float scale0, float scale1, bf16* to, int stride, Also also)
{
    int lane = threadIdx.x & 31, quad = lane & 3;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int t = 0; t < NT; t += 4)
        {
            float s = half ? scale1 : scale0;
            u32 w[4], r[4];
#pragma unroll
            for (int k = 0; k < 4; k++) w[k] = pack(acc[t + k][2 * half] * s, acc[t + k][2 * half + 1] * s);
            // Transpose the 4 x 4 words of the quad: first swap with the lane across, then with the neighbour.
            u32 x0 = __shfl_xor_sync(~0u, quad & 2 ? w[0] : w[2], 2), x1 = __shfl_xor_sync(~0u, quad & 2 ? w[1] : w[3], 2);
            if (quad & 2) { w[0] = x0; w[1] = x1; } else { w[2] = x0; w[3] = x1; }
            u32 y0 = __shfl_xor_sync(~0u, quad & 1 ? w[0] : w[1], 1), y1 = __shfl_xor_sync(~0u, quad & 1 ? w[2] : w[3], 1);
            if (quad & 1) { r[0] = y0; r[1] = w[1]; r[2] = y1; r[3] = w[3]; } else { r[0] = w[0]; r[1] = y0; r[2] = w[2]; r[3] = y1; }
            Pack p;
            p.w[0] = r[0]; p.w[1] = r[1]; p.w[2] = r[2]; p.w[3] = r[3];
            int at = ((lane >> 2) + 8 * half) * stride + 8 * (t + quad);
            if (to) *(Pack*)(to + at) = p;
            also(at, p);
        }
}

template <int NT> __device__ __forceinline__ void store_rows(const float (*acc)[4], float scale0, float scale1, bf16* to, int stride)
{
    store_rows<NT>(acc, scale0, scale1, to, stride, [](int, const Pack&) {});
}
