#include "float8.cuh"

// y = (x - mean) * rstd * weight + bias over rows of COLS; float32 statistics, kept for the backward pass. One warp a row, the row in registers.
// With FP8 also y's copy (float8.cuh); y may then be null.
#define VECS ((COLS / 8 + 31) / 32)
extern "C" __global__ void __launch_bounds__(256) layernorm_forward(
    const Pack* x, const Quad* weight, const Quad* bias, Pack* y, float* means, float* rstds, int rows, float eps,
    uint2* copy, const float* copy_scale, u32* copy_amax)
{
    int row = blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
#if FP8
    float most = 0.f, copy_by = *copy_scale;
    row = min(row, rows - 1); // every warp takes part in the block's maximum; the last row may be written several times
    copy += (u64)row * (COLS / 8);
#else
    if (row >= rows) return;
#endif
    x += (u64)row * (COLS / 8);
#if FP8
    if (y)
#endif
    y += (u64)row * (COLS / 8);
    Pack p[VECS];
    float v[VECS][8], sum = 0.f, squares = 0.f;
#pragma unroll
    for (int i = 0; i < VECS; i++)
        if (lane + 32 * i < COLS / 8) p[i] = x[lane + 32 * i]; else p[i] = Pack{};
#pragma unroll
    for (int i = 0; i < VECS; i++)
    {
        unpack(p[i], v[i]);
#pragma unroll
        for (int j = 0; j < 8; j++) sum += v[i][j];
    }
    float mean = warp_sum(sum) * (1.f / COLS);
#pragma unroll
    for (int i = 0; i < VECS; i++)
        if (lane + 32 * i < COLS / 8)
        {
#pragma unroll
            for (int j = 0; j < 8; j++) { float d = v[i][j] - mean; squares += d * d; }
        }
    float rstd = rsqrtf(warp_sum(squares) * (1.f / COLS) + eps);
#pragma unroll
    for (int i = 0; i < VECS; i++)
    {
        int c = lane + 32 * i;
        if (c >= COLS / 8) continue;
        Quad w0 = weight[2 * c], w1 = weight[2 * c + 1], b0 = bias[2 * c], b1 = bias[2 * c + 1];
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            v[i][j] = (v[i][j] - mean) * rstd * w0.f[j] + b0.f[j];
            v[i][4 + j] = (v[i][4 + j] - mean) * rstd * w1.f[j] + b1.f[j];
        }
#if FP8
        if (y)
#endif
        y[c] = repack(v[i]);
#if FP8
        copy[c] = pack_float8<false>(v[i], copy_by);
        most = largest(v[i], most);
#endif
    }
    if (lane == 0) { means[row] = mean; rstds[row] = rstd; }
#if FP8
    keep_largest(most, copy_amax);
#endif
}
