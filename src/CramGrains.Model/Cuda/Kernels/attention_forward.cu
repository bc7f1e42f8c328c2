#include "float8.cuh"
#include "tensor_core.cuh"
#include "philox.cuh"

// Softmax attention of one head of one row of the microbatch a block: everything stays on the chip, since S is at most 128.
// qkv is [B, S, 3, H, HEAD]; out [B, S, H, HEAD]; lse [B, H, S] in base 2 serves the backward pass. lengths[b], where given, hides keys from there on.
// With DROPOUT, probabilities are dropped after the softmax; eight of them that one thread holds share a counter.
// With FP8 also out's copy (float8.cuh).
// SEQ (a multiple of 32, up to 128), HEAD (32 or 64). SEQ / 16 warps, each 16 query rows.
#define CH (HEAD / 8)
extern "C" __global__ void __launch_bounds__(SEQ * 2) attention_forward(const bf16* qkv, const int* lengths, bf16* out, float* lse, int heads,
    const u32* stream, u32 site, u32 threshold, float keep,
    uint2* copy, const float* copy_scale, u32* copy_amax)
{
    extern __shared__ __align__(128) unsigned char room[];
    const int h = blockIdx.x, b = blockIdx.y, lane = threadIdx.x & 31, row0 = (threadIdx.x >> 5) * 16;
    const int stride = 3 * heads * HEAD;
    const bf16* in = qkv + (u64)b * SEQ * stride + h * HEAD;
    const u32 q = shared_address(room), k = q + SEQ * HEAD * 2, v = k + SEQ * HEAD * 2;
    for (int i = threadIdx.x; i < SEQ * CH; i += SEQ * 2)
    {
        int row = i / CH, c = i % CH;
        const bf16* from = in + (u64)row * stride + c * 8;
        u32 at = 16 * slot<CH>(row, c);
        copy_async(q + at, from);
        copy_async(k + at, from + heads * HEAD);
        copy_async(v + at, from + 2 * heads * HEAD);
    }
    copies_done();
    __syncthreads();

    float s[SEQ / 8][4] = {};
#pragma unroll
    for (int kk = 0; kk < HEAD / 16; kk++)
    {
        u32 a[4];
        load_a<CH>(a, q, row0, 2 * kk);
#pragma unroll
        for (int n = 0; n < SEQ / 16; n++)
        {
            u32 w[4];
            load_b_of_rows<CH>(w, k, 16 * n, 2 * kk);
            multiply(s[2 * n], a, w[0], w[1]);
            multiply(s[2 * n + 1], a, w[2], w[3]);
        }
    }
    const float scale = 1.4426950408889634f * rsqrtf((float)HEAD);
    const int keys = lengths ? lengths[b] : SEQ;
    float peak[2] = { -3e38f, -3e38f }, sum[2] = {};
#pragma unroll
    for (int n = 0; n < SEQ / 8; n++)
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            if (8 * n + 2 * (lane & 3) + (j & 1) >= keys) s[n][j] = -3e38f;
            peak[j >> 1] = fmaxf(peak[j >> 1], s[n][j]);
        }
#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        peak[r] = fmaxf(peak[r], __shfl_xor_sync(~0u, peak[r], 1));
        peak[r] = fmaxf(peak[r], __shfl_xor_sync(~0u, peak[r], 2)) * scale;
    }
#pragma unroll
    for (int n = 0; n < SEQ / 8; n++)
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            s[n][j] = exp2_fast(s[n][j] * scale - peak[j >> 1]);
            sum[j >> 1] += s[n][j];
        }
#pragma unroll
    for (int r = 0; r < 2; r++)
    {
        sum[r] += __shfl_xor_sync(~0u, sum[r], 1);
        sum[r] += __shfl_xor_sync(~0u, sum[r], 2);
    }
    float o[HEAD / 8][4] = {};
#pragma unroll
    for (int n = 0; n < SEQ / 16; n++)
    {
#if DROPOUT
        u32 r[4];
        philox((b * heads + h) * (SEQ / 2) + row0 / 2 + (lane >> 2), 4 * n + (lane & 3), site, stream, r);
#pragma unroll
        for (int j = 0; j < 8; j++)
            if (!kept(r, j, threshold)) s[2 * n + ((j >> 1) & 1)][2 * (j >> 2) + (j & 1)] = 0.f;
#endif
        u32 a[4] = { pack(s[2 * n][0], s[2 * n][1]), pack(s[2 * n][2], s[2 * n][3]), pack(s[2 * n + 1][0], s[2 * n + 1][1]), pack(s[2 * n + 1][2], s[2 * n + 1][3]) };
#pragma unroll
        for (int d = 0; d < HEAD / 16; d++)
        {
            u32 w[4];
            load_b<CH>(w, v, 16 * n, 2 * d);
            multiply(o[2 * d], a, w[0], w[1]);
            multiply(o[2 * d + 1], a, w[2], w[3]);
        }
    }
#if !DROPOUT
    keep = 1.f;
#endif
    const u64 to = ((u64)b * SEQ + row0) * heads * HEAD + h * HEAD;
#if FP8
    float most = 0.f, copy_by = *copy_scale;
    store_rows<HEAD / 8>(o, keep / sum[0], keep / sum[1], out + to, heads * HEAD, [&](int at, const Pack& p) {
        float v[8];
        unpack(p, v);
        copy[(to + at) / 8] = pack_float8<false>(v, copy_by);
        most = largest(v, most);
    });
    keep_largest(most, copy_amax);
#else
    store_rows<HEAD / 8>(o, keep / sum[0], keep / sum[1], out + to, heads * HEAD);
#endif
    if ((lane & 3) == 0)
    {
        float* l = lse + ((u64)b * heads + h) * SEQ + row0 + (lane >> 2);
        l[0] = peak[0] + __log2f(sum[0]);
        l[8] = peak[1] + __log2f(sum[1]);
    }
}
