// Products of matrices of doubles, as gemm.c has them for floats: panels of four columns, and 4 × 4 sums in registers.
#include "code.h"

enum { block = 512, stack = 64, across = 4 };

#ifdef RELAXED
#define MULADD64(a, b, c) ((v128_t)__builtin_wasm_relaxed_madd_f64x2((__f64x2)(a), (__f64x2)(b), (__f64x2)(c)))
#else
#define MULADD64(a, b, c) wasm_f64x2_add(wasm_f64x2_mul(a, b), c)
#endif

// pack64 lays out b[k, n], or the transpose of b[n, k], whose rows lie `wideB` doubles apart; columns that are not there are zeros.
EXPORT(pack64) void pack64(int k, int n, int transposed, int wideB, const double *b, double *to) {
  for (int from = 0; from < k; from += block) {
    int depth = least(block, k - from);
    for (int j = 0; j < n; j += across) {
      int wide = least(across, n - j);
      for (int p = 0; p < depth; p++)
        for (int q = 0; q < across; q++)
          *to++ = q >= wide ? 0 : transposed ? b[(long)(j + q) * wideB + from + p] : b[(long)(from + p) * wideB + j + q];
    }
  }
}

// tile adds a[rows, depth] times a panel to the first `wide` columns of c; the first block overwrites it.
INLINE void tile(const int rows, int wide, int depth, const double *a, long wideA, const double *b, double *c, long wideC, int first) {
  v128_t sum[4][2];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = wasm_f64x2_splat(0);
  for (int p = 0; p < depth; p++) {
    v128_t low = wasm_v128_load(b + p * across), high = wasm_v128_load(b + p * across + 2);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      v128_t left = wasm_v128_load64_splat(a + r * wideA + p);
      sum[r][0] = MULADD64(left, low, sum[r][0]);
      sum[r][1] = MULADD64(left, high, sum[r][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++) {
    double *to = c + r * wideC;
    if (wide == across) {
      wasm_v128_store(to, first ? sum[r][0] : wasm_f64x2_add(wasm_v128_load(to), sum[r][0]));
      wasm_v128_store(to + 2, first ? sum[r][1] : wasm_f64x2_add(wasm_v128_load(to + 2), sum[r][1]));
      continue;
    }
    to[0] = wasm_f64x2_extract_lane(sum[r][0], 0) + (first ? 0 : to[0]);
    if (wide > 1) to[1] = wasm_f64x2_extract_lane(sum[r][0], 1) + (first ? 0 : to[1]);
    if (wide > 2) to[2] = wasm_f64x2_extract_lane(sum[r][1], 0) + (first ? 0 : to[2]);
  }
}

// strip is tile for any number of rows. It is a function of its own for the reason that gemm.c's is one.
static __attribute__((noinline)) void strip(int m, int wide, int depth, const double *a, long wideA, const double *b, double *c, long wideC, int first) {
  int r = 0;
  for (; r + 4 <= m; r += 4) tile(4, wide, depth, a + r * wideA, wideA, b, c + r * wideC, wideC, first);
  for (; r < m; r++) tile(1, wide, depth, a + r * wideA, wideA, b, c + r * wideC, wideC, first);
}

// gemm64 writes a[m, k] times a packed matrix to c[m, n]; rows of a and of c lie so many doubles apart.
EXPORT(gemm64) void gemm64(int m, int n, int k, const double *a, int wideA, const double *b, double *c, int wideC) {
  for (int from = 0; from < k; from += block) {
    int depth = least(block, k - from);
    for (int i = 0; i < m; i += stack)
      for (int j = 0; j < n; j += across)
        strip(least(stack, m - i), least(across, n - j), depth, a + (long)i * wideA + from, wideA, b + (long)j * depth, c + (long)i * wideC + j, wideC, from == 0);
    b += (long)(n + across - 1) / across * across * depth;
  }
}

// transpose64 writes the transpose of a[rows, wide], whose rows lie `wideA` doubles apart.
EXPORT(transpose64) void transpose64(int rows, int wide, int wideA, const double *a, double *to) {
  for (int i = 0; i < rows; i += 8)
    for (int j = 0; j < wide; j++)
      for (int r = i; r < least(i + 8, rows); r++) to[(long)j * rows + r] = a[(long)r * wideA + j];
}
