#include "float8.cuh"
#include "gelu.cuh"

// du from dy and u for y = value * gelu(gate): dvalue = dy * gelu(gate), dgate = dy * value * (cdf + gate * pdf). HALF = F / 2. du may be u.
// With FP8 also du's copy (float8.cuh); du may then be null.
extern "C" __global__ void __launch_bounds__(256) geglu_backward(const Pack* u, const Pack* dy, Pack* du, int packs,
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
        float value[8], gate[8], d[8];
        unpack(u[at], value);
        unpack(u[at + HALF / 8], gate);
        unpack(dy[i], d);
#pragma unroll
        for (int j = 0; j < 8; j++)
        {
            float cdf, pdf, g = gate[j];
            normal(g, cdf, pdf);
            gate[j] = d[j] * value[j] * (cdf + g * pdf);
            value[j] = d[j] * g * cdf;
        }
#if FP8
        if (du)
#endif
        {
            du[at] = repack(value);
            du[at + HALF / 8] = repack(gate);
        }
#if FP8
        float scale = *copy_scale;
        copy[at] = pack_float8<true>(value, scale);
        copy[at + HALF / 8] = pack_float8<true>(gate, scale);
        most = largest(gate, largest(value, most));
#endif
    }
#if FP8
    keep_largest(most, copy_amax);
#endif
}
