#include "common.cuh"

// The 16-bit working copy of float32 masters; counts in float4 units.
extern "C" __global__ void __launch_bounds__(256) to_working(const Quad* in, uint2* out, long long count)
{
    for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < count; i += (long long)gridDim.x * 256)
    {
        Quad q = in[i];
        out[i] = make_uint2(pack(q.f[0], q.f[1]), pack(q.f[2], q.f[3]));
    }
}
