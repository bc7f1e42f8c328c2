#include "float8.cuh"

// The e5m2 copy of a gradient that no fused kernel makes, eight elements a thread.
extern "C" __global__ void __launch_bounds__(256) float8_copy(const Pack* x, uint2* copy, const float* copy_scale, u32* copy_amax, int packs)
{
    float most = 0.f, scale = *copy_scale;
    for (int i = blockIdx.x * 256 + threadIdx.x; i < packs; i += gridDim.x * 256)
    {
        float v[8];
        unpack(x[i], v);
        copy[i] = pack_float8<true>(v, scale);
        most = largest(v, most);
    }
    keep_largest(most, copy_amax);
}
