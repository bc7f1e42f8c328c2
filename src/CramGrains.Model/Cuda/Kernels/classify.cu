#include "philox.cuh"

// Classification head after its dense product, one example a block: hidden = tanh(pre + bias), dropout, outputs = hidden . weight + bias2; with labels, the
// example's loss and the gradient of the mean loss at the outputs. Labels are classes, or for a regression the bits of a float. WIDTH, OUTPUTS.
// threshold 0 drops nothing.
extern "C" __global__ void __launch_bounds__(256) classify(
    const float* pre, const float* bias, const float* weight, const float* bias2, const int* labels, const u32* stream, u32 site, u32 threshold, float scale,
    float* hidden, float* outputs, float* losses, float* gradient, int rows, int regression)
{
    __shared__ float room[32];
    int b = blockIdx.x;
    float sum[OUTPUTS] = {};
    for (int k = threadIdx.x * 8; k < WIDTH; k += 256 * 8)
    {
        u32 r[4] = { ~0u, ~0u, ~0u, ~0u };
        if (threshold) philox((b * WIDTH + k) / 8, 0, site, stream, r);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            float t = tanhf(pre[b * WIDTH + k + j] + bias[k + j]);
            hidden[b * WIDTH + k + j] = t;
            t = kept(r, j, threshold) ? t * scale : 0.f;
#pragma unroll
            for (int c = 0; c < OUTPUTS; c++) sum[c] += t * weight[c * WIDTH + k + j];
        }
    }
    float peak = -3e38f, total = 0.f;
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++)
    {
        sum[c] = block_sum(sum[c], room) + bias2[c];
        peak = fmaxf(peak, sum[c]);
    }
    if (threadIdx.x) return;
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++) outputs[b * OUTPUTS + c] = sum[c];
    if (!labels) return;
    if (regression)
    {
        float off = sum[0] - __int_as_float(labels[b]);
        losses[b] = off * off;
        gradient[b * OUTPUTS] = 2.f * off / rows;
        return;
    }
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++) total += expf(sum[c] - peak);
    float lse = peak + logf(total);
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++)
    {
        bool right = c == labels[b];
        if (right) losses[b] = lse - sum[c];
        gradient[b * OUTPUTS + c] = (expf(sum[c] - lse) - (right ? 1.f : 0.f)) / rows;
    }
}
