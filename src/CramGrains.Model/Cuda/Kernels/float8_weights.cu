#include "float8.cuh"

// Working matrices as e4m3, as they are and transposed: FP8 products want the summed index innermost in both operands, which the forward product and the
// input gradient disagree about. One 64 x 64 tile a block; grid (most tiles of a matrix, matrices). matrices as in float8_weight_amax.
struct Matrix { long long offset; int rows, columns, tiles, pad; };
extern "C" __global__ void __launch_bounds__(256) float8_weights(
    const bf16* working, const Matrix* matrices, const float* scales, unsigned char* straight, unsigned char* transposed)
{
    __shared__ __align__(16) unsigned char room[64][68];
    Matrix m = matrices[blockIdx.y];
    int across = (m.columns + 63) / 64, r0 = (int)blockIdx.x / across * 64, c0 = (int)blockIdx.x % across * 64;
    if (r0 >= m.rows) return;
    float scale = scales[4 * blockIdx.y];
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        int r = half * 32 + (threadIdx.x >> 3), c = (threadIdx.x & 7) * 8;
        if (r0 + r < m.rows && c0 + c < m.columns)
        {
            u64 at = m.offset + (u64)(r0 + r) * m.columns + c0 + c;
            float v[8];
            unpack(*(const Pack*)(working + at), v);
            uint2 q = pack_float8<false>(v, scale);
            *(uint2*)(straight + at) = q;
            *(u32*)&room[r][c] = q.x;
            *(u32*)&room[r][c + 4] = q.y;
        }
    }
    __syncthreads();
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        int c = half * 32 + (threadIdx.x >> 3), r = (threadIdx.x & 7) * 8;
        if (c0 + c < m.columns && r0 + r < m.rows)
        {
            u32 w[2] = {};
#pragma unroll
            for (int j = 0; j < 8; j++) w[j >> 2] |= (u32)room[r + j][c] << (8 * (j & 3));
            *(uint2*)(transposed + m.offset + (u64)(c0 + c) * m.rows + r0 + r) = make_uint2(w[0], w[1]);
        }
    }
}
