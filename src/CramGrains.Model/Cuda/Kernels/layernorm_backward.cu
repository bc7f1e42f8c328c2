#include "float8.cuh"

// dx = residual + rstd * (g - mean(g) - xhat * mean(g * xhat)), g = dy * weight; and this block's share of the weight and bias gradients,
// partial[block][2][COLS], summed in order by column_sums. residual may be null, or dx itself. One warp a row, blocks walk the rows.
// With FP8 also dx's copy (float8.cuh).
#define VECS ((COLS / 8 + 31) / 32)
extern "C" __global__ void __launch_bounds__(256, 2) layernorm_backward(
    const Pack* dy, const Pack* x, const float* means, const float* rstds, const Quad* weight, const Pack* residual, Pack* dx, float* partial, int rows,
    uint2* copy, const float* copy_scale, u32* copy_amax)
{
    __shared__ float room[8][COLS];
    int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    float dweight[VECS][8], dbias[VECS][8];
#if FP8
    float most = 0.f, copy_by = *copy_scale;
#endif
#pragma unroll
    for (int i = 0; i < VECS; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) dweight[i][j] = dbias[i][j] = 0.f;

    for (int row = blockIdx.x * 8 + warp; row < rows; row += gridDim.x * 8)
    {
        u64 base = (u64)row * (COLS / 8);
        Pack px[VECS], pd[VECS], pr[VECS];
#pragma unroll
        for (int i = 0; i < VECS; i++)
        {
            int c = lane + 32 * i;
            px[i] = pd[i] = pr[i] = Pack{};
            if (c < COLS / 8)
            {
                px[i] = x[base + c];
                pd[i] = dy[base + c];
                if (residual) pr[i] = residual[base + c];
            }
        }
        float mean = means[row], rstd = rstds[row], sum = 0.f, dot = 0.f;
#pragma unroll
        for (int i = 0; i < VECS; i++)
        {
            int c = lane + 32 * i;
            if (c >= COLS / 8) continue;
            float xv[8], dv[8];
            unpack(px[i], xv);
            unpack(pd[i], dv);
            Quad w0 = weight[2 * c], w1 = weight[2 * c + 1];
#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                float xhat = (xv[j] - mean) * rstd, g = dv[j] * (j < 4 ? w0.f[j & 3] : w1.f[j & 3]);
                dweight[i][j] += dv[j] * xhat;
                dbias[i][j] += dv[j];
                sum += g;
                dot += g * xhat;
            }
        }
        sum = warp_sum(sum) * (1.f / COLS);
        dot = warp_sum(dot) * (1.f / COLS);
#pragma unroll
        for (int i = 0; i < VECS; i++)
        {
            int c = lane + 32 * i;
            if (c >= COLS / 8) continue;
            float xv[8], dv[8], rv[8];
            unpack(px[i], xv);
            unpack(pd[i], dv);
            unpack(pr[i], rv);
            Quad w0 = weight[2 * c], w1 = weight[2 * c + 1];
#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                float xhat = (xv[j] - mean) * rstd, g = dv[j] * (j < 4 ? w0.f[j & 3] : w1.f[j & 3]);
                rv[j] += rstd * (g - sum - xhat * dot);
            }
            dx[base + c] = repack(rv);
#if FP8
            copy[base + c] = pack_float8<true>(rv, copy_by);
            most = largest(rv, most);
#endif
        }
    }
#pragma unroll
    for (int which = 0; which < 2; which++)
    {
        __syncthreads();
#pragma unroll
        for (int i = 0; i < VECS; i++)
        {
            int c = lane + 32 * i;
            if (c >= COLS / 8) continue;
#pragma unroll
            for (int j = 0; j < 8; j++) room[warp][8 * c + j] = which ? dbias[i][j] : dweight[i][j];
        }
        __syncthreads();
        for (int c = threadIdx.x; c < COLS; c += 256)
        {
            float total = 0.f;
#pragma unroll
            for (int w = 0; w < 8; w++) total += room[w][c];
            partial[((u64)blockIdx.x * 2 + which) * COLS + c] = total;
        }
    }
#if FP8
    keep_largest(most, copy_amax);
#endif
}
