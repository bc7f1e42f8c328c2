#include "float8.cuh"
#include "gelu.cuh"

// y = u[:, :HALF] * gelu(u[:, HALF:]), gelu by the error function. HALF = F / 2.
// With FP8 also y's copy (float8.cuh); y may then be null.
extern "C" __global__ void __launch_bounds__(256) geglu_forward(const Pack* u, Pack* y, int packs,
    uint2* copy, const float* copy_scale, u32* copy_amax)
{
    int i = blockIdx.x * 256 + threadIdx.x;
#if FP8
    float most = 0.f;
    if (i < packs)
#else
    if (i >= packs) return;
#endif
    {
        int row = i / (HALF / 8), c = i - row * (HALF / 8);
        u64 at = (u64)row * (HALF / 4) + c;
        float value[8], gate[8];
        unpack(u[at], value);
        unpack(u[at + HALF / 8], gate);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            float cdf, pdf;
            normal(gate[j], cdf, pdf);
            value[j] *= gate[j] * cdf;
        }
#if FP8
        if (y)
#endif
        y[i] = repack(value);
#if FP8
        copy[i] = pack_float8<false>(value, *copy_scale);
        most = largest(value, most);
#endif
    }
#if FP8
    keep_largest(most, copy_amax);
#endif
}
