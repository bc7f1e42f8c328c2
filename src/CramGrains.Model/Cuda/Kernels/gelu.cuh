#pragma once
#include "common.cuh"

// Normal distribution function and density from one exponential: Abramowitz and Stegun 7.1.26, absolute error below 1.5e-7,
// and without cancellation in the left tail.
__device__ __forceinline__ void normal(float x, float& cdf, float& pdf)
{
    float z = fabsf(x) * 0.70710678118654752f, e = exp2_fast(-0.72134752044448170f * x * x);
    float t = __fdividef(1.f, 1.f + 0.3275911f * z);
    float tail = 0.5f * e * t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    cdf = x < 0.f ? tail : 1.f - tail;
    pdf = 0.39894228040143268f * e;
}
