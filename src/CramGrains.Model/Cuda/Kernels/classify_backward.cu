#include "philox.cuh"

// Gradients of the classification head from those at its outputs; one column a thread, which walks the examples in order. dpre is bf16, the rest float32.
extern "C" __global__ void __launch_bounds__(64) classify_backward(
    const float* gradient, const float* hidden, const float* weight, const u32* stream, u32 site, u32 threshold, float scale,
    bf16* dpre, float* dbias, float* dweight, float* dbias2, int rows)
{
    int k = blockIdx.x * 64 + threadIdx.x;
    if (blockIdx.x == 0 && threadIdx.x < OUTPUTS)
    {
        float total = 0.f;
        for (int b = 0; b < rows; b++) total += gradient[b * OUTPUTS + threadIdx.x];
        dbias2[threadIdx.x] = total;
    }
    if (k >= WIDTH) return;
    float w[OUTPUTS], dw[OUTPUTS] = {}, total = 0.f;
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++) w[c] = weight[c * WIDTH + k];
    for (int b = 0; b < rows; b++)
    {
        float keep = 1.f, t = hidden[b * WIDTH + k], d = 0.f;
        if (threshold)
        {
            u32 r[4];
            philox((b * WIDTH + k) / 8, 0, site, stream, r);
            u32 word = (k & 7) < 4 ? ((k & 7) < 2 ? r[0] : r[1]) : ((k & 7) < 6 ? r[2] : r[3]);
            keep = ((word >> (16 * (k & 1))) & 0xffffu) >= threshold ? scale : 0.f;
        }
#pragma unroll
        for (int c = 0; c < OUTPUTS; c++)
        {
            float g = gradient[b * OUTPUTS + c];
            d += g * w[c];
            dw[c] += g * t * keep;
        }
        d *= keep * (1.f - t * t);
        total += d;
        dpre[b * WIDTH + k] = (bf16)(pack(d, d) & 0xffffu);
    }
    dbias[k] = total;
#pragma unroll
    for (int c = 0; c < OUTPUTS; c++) dweight[c * WIDTH + k] = dw[c];
}
