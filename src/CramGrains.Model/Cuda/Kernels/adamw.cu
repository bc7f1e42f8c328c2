#include "common.cuh"

// One step of AdamW over every parameter, flat: the clip factor from the squared-norm partials (the same order in every block), decoupled decay below
// `decayed`, and the bf16 working copy. counts are in float4 units. norm receives the global gradient norm before clipping.
// live, where given, holds lr and both corrections in place of the arguments, so that a recorded launch serves every step; norm may be null.
// Entries [skip_from, skip_to) belong to another optimizer; those from scaled_from on have their learning rate multiplied by scaled_by.
// rest1 and rest2 are 1 - beta1 and 1 - beta2, rounded once by the host.
extern "C" __global__ void __launch_bounds__(256) adamw(
    Quad* p, const Quad* g, Quad* m, Quad* v, uint2* working, const float* squares, int partials, float* norm, float clip,
    long long count, long long decayed, float lr, float decay, float rest1, float rest2, float eps, float correction1, float correction2, const float* live,
    long long skip_from, long long skip_to, long long scaled_from, float scaled_by)
{
    __shared__ float room[32];
    float total = 0.f;
    for (int i = threadIdx.x; i < partials; i += 256) total += squares[i];
    total = sqrtf(block_sum(total, room));
    if (norm && blockIdx.x == 0 && threadIdx.x == 0) *norm = total;
    if (live) { lr = live[0]; correction1 = live[1]; correction2 = live[2]; }
    float factor = clip > 0.f ? fminf(1.f, clip / (total + 1e-6f)) : 1.f;
    float step = lr / correction1, root = rsqrtf(correction2), keep = 1.f - lr * decay;
    for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < count; i += (long long)gridDim.x * 256)
    {
        if (i >= skip_from && i < skip_to) continue;
        Quad gp = g[i], pp = p[i], mp = m[i], vp = v[i];
        float k = i < decayed ? keep : 1.f, by = i < scaled_from ? step : step * scaled_by;
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            float d = gp.f[j] * factor;
            mp.f[j] += rest1 * (d - mp.f[j]);
            vp.f[j] += rest2 * (d * d - vp.f[j]);
            pp.f[j] = pp.f[j] * k - by * mp.f[j] / (sqrtf(vp.f[j]) * root + eps);
        }
        p[i] = pp;
        m[i] = mp;
        v[i] = vp;
        working[i] = make_uint2(pack(pp.f[0], pp.f[1]), pack(pp.f[2], pp.f[3]));
    }
}
