// Products of float matrices for WebAssembly, freestanding: nothing is included that a libc would have to bring, and all memory is the caller's. Offsets are
// multiples of four. The right matrix is packed first, once if it stays: panels of eight columns, cut along k into blocks whose panel fits the first-level cache, so
// that the innermost loop reads both sides in a row. 4 × 8 sums are held in registers, of which x86-64 has sixteen.
#include "code.h"

enum { block = 512 };

// pack lays out b[k, n], or the transpose of b[n, k]; columns that are not there are zeros.
EXPORT(pack) void pack(int k, int n, int transposed, const float *b, float *to) {
  for (int from = 0; from < k; from += block) {
    int depth = least(block, k - from);
    for (int j = 0; j < n; j += columns) {
      int wide = least(columns, n - j);
      if (!transposed && wide == columns) {
        const float *row = b + (long)from * n + j;
        for (int p = 0; p < depth; p++, row += n, to += columns) {
          wasm_v128_store(to, wasm_v128_load(row));
          wasm_v128_store(to + 4, wasm_v128_load(row + 4));
        }
        continue;
      }
      for (int p = 0; p < depth; p++)
        for (int q = 0; q < columns; q++)
          *to++ = q >= wide ? 0 : transposed ? b[(long)(j + q) * k + from + p] : b[(long)(from + p) * n + j + q];
    }
  }
}

// tile adds a[rows, depth] times `panels` panels, which lie `step` floats apart, to c; the first block overwrites it.
static inline __attribute__((always_inline)) void tile(const int rows, const int panels, int depth, const float *a, long wideA, const float *b, int step, float *c, long wideC, int first) {
  v128_t sum[4][8];
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int q = 0; q < panels * 2; q++) sum[r][q] = first ? wasm_f32x4_splat(0) : wasm_v128_load(c + r * wideC + q * 4);
  for (int p = 0; p < depth; p++) {
    v128_t right[8];
#pragma clang loop unroll(full)
    for (int q = 0; q < panels * 2; q++) right[q] = wasm_v128_load(b + (q / 2) * step + p * columns + (q % 2) * 4);
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++) {
      v128_t left = wasm_v128_load32_splat(a + r * wideA + p);
#pragma clang loop unroll(full)
      for (int q = 0; q < panels * 2; q++) sum[r][q] = MULADD(left, right[q], sum[r][q]);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int q = 0; q < panels * 2; q++) wasm_v128_store(c + r * wideC + q * 4, sum[r][q]);
}

// gemm writes a[m, k] times a packed matrix to c, whose rows are n floats wide, rounded up to whole panels.
EXPORT(gemm) void gemm(int m, int n, int k, const float *a, const float *b, float *c) {
  int panels = (n + columns - 1) / columns;
  long wideC = (long)panels * columns;
  if (k == 0)
    for (long i = 0; i < m * wideC; i++) c[i] = 0;
  for (int from = 0; from < k; from += block, a += block) {
    int depth = least(block, k - from);
    int step = depth * columns;
    int first = from == 0;
    // A single row reads each panel once, so that memory is what it waits for: four panels at a time are four streams, and sums enough to hide an addition's latency.
    int i = 0;
    if (m >= 4) {
      for (int j = 0; j < panels; j++)
        for (i = 0; i + 4 <= m; i += 4) tile(4, 1, depth, a + (long)i * k, k, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first);
    }
    for (; i + 2 <= m; i += 2) {
      int j = 0;
      for (; j + 2 <= panels; j += 2) tile(2, 2, depth, a + (long)i * k, k, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first);
      for (; j < panels; j++) tile(2, 1, depth, a + (long)i * k, k, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first);
    }
    for (; i < m; i++) {
      int j = 0;
      for (; j + 4 <= panels; j += 4) tile(1, 4, depth, a + (long)i * k, k, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first);
      for (; j < panels; j++) tile(1, 1, depth, a + (long)i * k, k, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first);
    }
    b += (long)panels * step;
  }
}

// transpose writes the transpose of a[rows, wide].
EXPORT(transpose) void transpose(int rows, int wide, const float *a, float *to) {
  for (int i = 0; i < rows; i += 8)
    for (int j = 0; j < wide; j++)
      for (int r = i; r < least(i + 8, rows); r++) to[(long)j * rows + r] = a[(long)r * wide + j];
}
