#include "float8.cuh"

// The largest magnitude of each working matrix. matrices[m] = { offset, rows, columns, first tile }; grid (blocks, matrices). Entries of amax lie 16 bytes apart.
struct Matrix { long long offset; int rows, columns, tiles, pad; };
extern "C" __global__ void __launch_bounds__(256) float8_weight_amax(const bf16* working, const Matrix* matrices, u32* amax)
{
    Matrix m = matrices[blockIdx.y];
    const Pack* p = (const Pack*)(working + m.offset);
    long long packs = (long long)m.rows * m.columns / 8;
    float most = 0.f;
    for (long long i = (long long)blockIdx.x * 256 + threadIdx.x; i < packs; i += (long long)gridDim.x * 256)
    {
        float v[8];
        unpack(p[i], v);
        most = largest(v, most);
    }
    keep_largest(most, amax + 4 * blockIdx.y);
}
