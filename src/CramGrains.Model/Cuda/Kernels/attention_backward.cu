#include "float8.cuh"
#include "tensor_core.cuh"
#include "philox.cuh"

// Gradient of attention_forward, one head of one row of the microbatch a block, no atomics. Keys are taken 32 at a time: each warp rebuilds its 16 rows of
// the probabilities from lse, forms ds = p * (dO V^T - rowsum(dO * O)) / sqrt(HEAD), adds ds K to its dQ, and leaves ds and p in shared memory, where after a
// barrier each warp reads its 16 columns of both as rows for dK = ds^T Q and dV = p^T dO. With HEAD = 64, p takes the room of the keys and values just used.
// With FP8 also dqkv's copy (float8.cuh); dqkv may then be null.
#define CH (HEAD / 8)
#define PAIR (32 * HEAD * 2)
#define TILE (SEQ * 64)
extern "C" __global__ void __launch_bounds__(SEQ * 2, 2) attention_backward(
    const bf16* qkv, const int* lengths, const bf16* out, const float* lse, const bf16* dout, bf16* dqkv, int heads,
    const u32* stream, u32 site, u32 threshold, float keep,
    uint2* copy, const float* copy_scale, u32* copy_amax)
{
    extern __shared__ __align__(128) unsigned char room[];
    __shared__ float deltas[SEQ];
    const int h = blockIdx.x, b = blockIdx.y, lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row0 = warp * 16;
    const int stride = 3 * heads * HEAD, ostride = heads * HEAD;
    const bf16* in = qkv + (u64)b * SEQ * stride + h * HEAD;
    const u64 obase = (u64)b * SEQ * ostride + h * HEAD;
    // Keys and values alternate in blocks of 32 rows, so that a pair is one contiguous block.
    const u32 q = shared_address(room), g = q + SEQ * HEAD * 2, kv = g + SEQ * HEAD * 2, ds = kv + 2 * SEQ * HEAD * 2;
    const u32 p = HEAD == 64 ? kv : ds + (SEQ / 32) * TILE;
    for (int i = threadIdx.x; i < SEQ * CH; i += SEQ * 2)
    {
        int row = i / CH, c = i % CH;
        const bf16* from = in + (u64)row * stride + c * 8;
        u32 at = 16 * slot<CH>(row, c), pair = kv + (row / 32) * 2 * PAIR + 16 * slot<CH>(row % 32, c);
        copy_async(q + at, from);
        copy_async(pair, from + heads * HEAD);
        copy_async(pair + PAIR, from + 2 * heads * HEAD);
        copy_async(g + at, dout + obase + (u64)row * ostride + c * 8);
    }
    for (int i = threadIdx.x; i < SEQ * CH; i += SEQ * 2)
    {
        int row = i / CH, c = i % CH;
        float x[8], y[8], dot = 0.f;
        unpack(*(const Pack*)(dout + obase + (u64)row * ostride + c * 8), x);
        unpack(*(const Pack*)(out + obase + (u64)row * ostride + c * 8), y);
#pragma unroll
        for (int j = 0; j < 8; j++) dot += x[j] * y[j];
#pragma unroll
        for (int o = CH / 2; o; o >>= 1) dot += __shfl_xor_sync(~0u, dot, o);
        if (c == 0) deltas[row] = dot;
    }
    copies_done();
    __syncthreads();

    const float scale = rsqrtf((float)HEAD), scale2 = 1.4426950408889634f * scale;
    const int keys = lengths ? lengths[b] : SEQ, r = row0 + (lane >> 2);
    const float* l = lse + ((u64)b * heads + h) * SEQ + r;
    const float lse0 = l[0], lse1 = l[8], delta0 = deltas[r], delta1 = deltas[r + 8];
    float dq[HEAD / 8][4] = {};
#pragma unroll 1
    for (int c = 0; c < SEQ / 32; c++)
    {
        const u32 k = kv + c * 2 * PAIR, v = k + PAIR;
        float s[4][4] = {}, dp[4][4] = {};
#pragma unroll
        for (int kk = 0; kk < HEAD / 16; kk++)
        {
            u32 a[4], e[4], w[4];
            load_a<CH>(a, q, row0, 2 * kk);
            load_a<CH>(e, g, row0, 2 * kk);
#pragma unroll
            for (int n = 0; n < 2; n++)
            {
                load_b_of_rows<CH>(w, k, 16 * n, 2 * kk);
                multiply(s[2 * n], a, w[0], w[1]);
                multiply(s[2 * n + 1], a, w[2], w[3]);
                load_b_of_rows<CH>(w, v, 16 * n, 2 * kk);
                multiply(dp[2 * n], e, w[0], w[1]);
                multiply(dp[2 * n + 1], e, w[2], w[3]);
            }
        }
        u32 pp[4][2], dd[4][2];
#if DROPOUT
        u32 bits[2][4]; // as in the forward pass; columns are 32 c + 16 m on
#pragma unroll
        for (int m = 0; m < 2; m++) philox((b * heads + h) * (SEQ / 2) + row0 / 2 + (lane >> 2), 4 * (2 * c + m) + (lane & 3), site, stream, bits[m]);
#endif
#pragma unroll
        for (int n = 0; n < 4; n++)
        {
            float x[4], y[4];
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                x[j] = exp2_fast(s[n][j] * scale2 - (j < 2 ? lse0 : lse1));
                if (32 * c + 8 * n + 2 * (lane & 3) + (j & 1) >= keys) x[j] = 0.f;
#if DROPOUT
                float z = kept(bits[n >> 1], 4 * (j >> 1) + 2 * (n & 1) + (j & 1), threshold) ? keep : 0.f;
                y[j] = x[j] * (dp[n][j] * z - (j < 2 ? delta0 : delta1)) * scale;
                x[j] *= z;
#else
                y[j] = x[j] * (dp[n][j] - (j < 2 ? delta0 : delta1)) * scale;
#endif
            }
            pp[n][0] = pack(x[0], x[1]);
            pp[n][1] = pack(x[2], x[3]);
            dd[n][0] = pack(y[0], y[1]);
            dd[n][1] = pack(y[2], y[3]);
        }
#pragma unroll
        for (int n = 0; n < 2; n++)
        {
            u32 a[4] = { dd[2 * n][0], dd[2 * n][1], dd[2 * n + 1][0], dd[2 * n + 1][1] };
#pragma unroll
            for (int d = 0; d < HEAD / 16; d++)
            {
                u32 w[4];
                load_b<CH>(w, k, 16 * n, 2 * d);
                multiply(dq[2 * d], a, w[0], w[1]);
                multiply(dq[2 * d + 1], a, w[2], w[3]);
            }
        }
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
            for (int half = 0; half < 2; half++)
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(ds + c * TILE + 16 * slot<4>(r + 8 * half, n) + 4 * (lane & 3)), "r"(dd[n][half]) : "memory");
        if (HEAD == 64) __syncthreads(); // every warp has read this pair of keys and values
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
            for (int half = 0; half < 2; half++)
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(p + c * TILE + 16 * slot<4>(r + 8 * half, n) + 4 * (lane & 3)), "r"(pp[n][half]) : "memory");
    }
    const u64 to = ((u64)b * SEQ + row0) * stride + h * HEAD;
#if FP8
    float most = 0.f, copy_by = *copy_scale;
    int part = 0; // queries, keys, values: where their gradients lie in a row
    auto also = [&](int at, const Pack& p) {
        float v[8];
        unpack(p, v);
        copy[(to + part + at) / 8] = pack_float8<true>(v, copy_by);
        most = largest(v, most);
    };
    store_rows<HEAD / 8>(dq, 1.f, 1.f, dqkv ? dqkv + to : dqkv, stride, also);
#else
    store_rows<HEAD / 8>(dq, 1.f, 1.f, dqkv + to, stride);
#endif
    __syncthreads();

    float dk[HEAD / 8][4] = {}, dv[HEAD / 8][4] = {};
    const u32 mine = (warp >> 1) * TILE;
    const int chunk = 2 * (warp & 1);
#pragma unroll
    for (int kk = 0; kk < SEQ / 16; kk++)
    {
        u32 a[4], e[4], w[4];
        load_a_transposed<4>(a, ds + mine, 16 * kk, chunk);
        load_a_transposed<4>(e, p + mine, 16 * kk, chunk);
#pragma unroll
        for (int d = 0; d < HEAD / 16; d++)
        {
            load_b<CH>(w, q, 16 * kk, 2 * d);
            multiply(dk[2 * d], a, w[0], w[1]);
            multiply(dk[2 * d + 1], a, w[2], w[3]);
            load_b<CH>(w, g, 16 * kk, 2 * d);
            multiply(dv[2 * d], e, w[0], w[1]);
            multiply(dv[2 * d + 1], e, w[2], w[3]);
        }
    }
#if FP8
    part = heads * HEAD;
    store_rows<HEAD / 8>(dk, 1.f, 1.f, dqkv ? dqkv + to + part : dqkv, stride, also);
    part = 2 * heads * HEAD;
    store_rows<HEAD / 8>(dv, 1.f, 1.f, dqkv ? dqkv + to + part : dqkv, stride, also);
    keep_largest(most, copy_amax);
#else
    store_rows<HEAD / 8>(dk, 1.f, 1.f, dqkv + to + heads * HEAD, stride);
    store_rows<HEAD / 8>(dv, 1.f, 1.f, dqkv + to + 2 * heads * HEAD, stride);
#endif
}
