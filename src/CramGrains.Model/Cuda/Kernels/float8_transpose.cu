#include "common.cuh"

// to[columns, rows] = from[rows, columns], bytes; both sizes are multiples of 16. Weight gradients sum over the tokens, which FP8 products want innermost.
// One tile of 128 rows and 64 columns a block.
extern "C" __global__ void __launch_bounds__(256) float8_transpose(const unsigned char* from, unsigned char* to, int rows, int columns)
{
    __shared__ __align__(16) unsigned char room[128][68];
    int r0 = blockIdx.y * 128, c0 = blockIdx.x * 64;
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
        int r = half * 64 + (threadIdx.x >> 2), c = (threadIdx.x & 3) * 16;
        if (r0 + r < rows && c0 + c < columns)
        {
            Pack p = *(const Pack*)(from + (u64)(r0 + r) * columns + c0 + c);
#pragma unroll
            for (int j = 0; j < 4; j++) *(u32*)&room[r][c + 4 * j] = p.w[j];
        }
    }
    __syncthreads();
    // A warp writes 128 bytes of each of four columns: a lane's four rows of four bytes become words of the columns by permuting bytes.
#pragma unroll
    for (int part = 0; part < 2; part++)
    {
        int unit = part * 256 + threadIdx.x, c = (unit >> 5) * 4, r = (unit & 31) * 4;
        u32 w[4], t[4];
#pragma unroll
        for (int j = 0; j < 4; j++) w[j] = *(const u32*)&room[r + j][c];
        u32 a = __byte_perm(w[0], w[1], 0x5140), b = __byte_perm(w[2], w[3], 0x5140), d = __byte_perm(w[0], w[1], 0x7362), e = __byte_perm(w[2], w[3], 0x7362);
        t[0] = __byte_perm(a, b, 0x5410);
        t[1] = __byte_perm(a, b, 0x7632);
        t[2] = __byte_perm(d, e, 0x5410);
        t[3] = __byte_perm(d, e, 0x7632);
        if (r0 + r < rows)
#pragma unroll
            for (int j = 0; j < 4; j++)
                if (c0 + c + j < columns) *(u32*)(to + (u64)(c0 + c + j) * rows + r0 + r) = t[j];
    }
}
