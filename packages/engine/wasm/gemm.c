// Products of float matrices for WebAssembly, freestanding: nothing is included that a libc would have to bring, and all memory is the caller's. Offsets are
// multiples of four. The right matrix is packed first, once if it stays: panels of eight columns, cut along k into blocks whose panel fits the first-level cache, so
// that the innermost loop reads both sides in a row. 4 × 8 sums are held in registers, of which x86-64 has sixteen.
#include "code.h"

enum { block = 512, stack = 128 };

// turn writes four floats of each of four rows, which lie `wide` floats apart, as four columns, which lie eight floats apart.
INLINE void turn(const float *from, long wide, float *to) {
  v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + wide), c = wasm_v128_load(from + 2 * wide), d = wasm_v128_load(from + 3 * wide);
  v128_t ab = wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), cd = wasm_i32x4_shuffle(c, d, 0, 4, 1, 5);
  v128_t ab2 = wasm_i32x4_shuffle(a, b, 2, 6, 3, 7), cd2 = wasm_i32x4_shuffle(c, d, 2, 6, 3, 7);
  wasm_v128_store(to, wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5));
  wasm_v128_store(to + columns, wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7));
  wasm_v128_store(to + 2 * columns, wasm_i32x4_shuffle(ab2, cd2, 0, 1, 4, 5));
  wasm_v128_store(to + 3 * columns, wasm_i32x4_shuffle(ab2, cd2, 2, 3, 6, 7));
}

// pack lays out b[k, n], or the transpose of b[n, k], whose rows lie `wideB` floats apart; columns that are not there are zeros.
EXPORT(pack) void pack(int k, int n, int transposed, int wideB, const float *b, float *to) {
  for (int from = 0; from < k; from += block) {
    int depth = least(block, k - from);
    for (int j = 0; j < n; j += columns) {
      int wide = least(columns, n - j);
      if (!transposed && wide == columns) {
        const float *row = b + (long)from * wideB + j;
        for (int p = 0; p < depth; p++, row += wideB, to += columns) {
          wasm_v128_store(to, wasm_v128_load(row));
          wasm_v128_store(to + 4, wasm_v128_load(row + 4));
        }
        continue;
      }
      int p = 0;
      if (transposed && wide == columns)
        for (; p + 4 <= depth; p += 4, to += 4 * columns) {
          turn(b + (long)j * wideB + from + p, wideB, to);
          turn(b + (long)(j + 4) * wideB + from + p, wideB, to + 4);
        }
      for (; p < depth; p++)
        for (int q = 0; q < columns; q++)
          *to++ = q >= wide ? 0 : transposed ? b[(long)(j + q) * wideB + from + p] : b[(long)(from + p) * wideB + j + q];
    }
  }
}

// tile adds a[rows, depth] times `panels` panels, which lie `step` floats apart, to c; the first block overwrites it, and the last one has the ending.
INLINE void tile(const int rows, const int panels, int depth, const float *a, long wideA, const float *b, int step, float *c, long wideC, int first, const Ending *last) {
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
  if (last) {
    v128_t low = wasm_f32x4_splat(last->low), high = wasm_f32x4_splat(last->high);
#pragma clang loop unroll(full)
    for (int q = 0; q < panels * 2; q++) {
      v128_t bias = last->bias ? wasm_v128_load(last->bias + q * 4) : wasm_f32x4_splat(0);
#pragma clang loop unroll(full)
      for (int r = 0; r < rows; r++) sum[r][q] = limited(wasm_f32x4_add(sum[r][q], bias), low, high);
    }
  }
#pragma clang loop unroll(full)
  for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
    for (int q = 0; q < panels * 2; q++) wasm_v128_store(c + r * wideC + q * 4, sum[r][q]);
}

// edge is tile for a last panel of fewer columns: their neighbours in memory belong to the next row.
static __attribute__((noinline)) void edge(int rows, int wide, int depth, const float *a, long wideA, const float *b, float *c, long wideC, int first, const Ending *last) {
  float whole[4 * columns], bias[columns];
  for (int r = 0; r < rows && !first; r++)
    for (int q = 0; q < columns; q++) whole[r * columns + q] = q < wide ? c[r * wideC + q] : 0;
  Ending ending;
  if (last) {
    for (int q = 0; q < columns; q++) bias[q] = last->bias && q < wide ? last->bias[q] : 0;
    ending = (Ending){bias, last->low, last->high, 0};
  }
  if (rows == 4) tile(4, 1, depth, a, wideA, b, 0, whole, columns, first, last ? &ending : 0);
  else
    for (int r = 0; r < rows; r++) tile(1, 1, depth, a + r * wideA, wideA, b, 0, whole + r * columns, columns, first, last ? &ending : 0);
  for (int r = 0; r < rows; r++)
    for (int q = 0; q < wide; q++) c[r * wideC + q] = whole[r * columns + q];
}

// strip is tile for any number of rows and one panel. It is a function of its own, that a long product calls often: an engine which meanwhile has made better code of it
// takes that at the next call, and not before.
static __attribute__((noinline)) void strip(int m, int depth, const float *a, long wideA, const float *b, float *c, long wideC, int first, const Ending *last) {
  int r = 0;
  for (; r + 4 <= m; r += 4) tile(4, 1, depth, a + r * wideA, wideA, b, 0, c + r * wideC, wideC, first, last);
  if (m - r == 3) tile(3, 1, depth, a + r * wideA, wideA, b, 0, c + r * wideC, wideC, first, last);
  else if (m - r == 2) tile(2, 1, depth, a + r * wideA, wideA, b, 0, c + r * wideC, wideC, first, last);
  else if (m - r == 1) tile(1, 1, depth, a + r * wideA, wideA, b, 0, c + r * wideC, wideC, first, last);
}

void product(int m, int n, int k, const float *a, long wideA, const float *b, float *c, long wideC, Ending ending) {
  int whole = n / columns, panels = (n + columns - 1) / columns;
  int from = 0;
  do {
    int depth = least(block, k - from);
    int step = depth * columns;
    int first = from == 0 && !ending.more;
    const Ending *last = from + depth >= k ? &ending : 0;
// END is the ending where panel j begins.
#define END(j) (last ? (at = (Ending){ending.bias ? ending.bias + (j) * columns : 0, ending.low, ending.high, 0}, &at) : 0)
    Ending at;
    if (m >= 4) {
      for (int i = 0; i < m; i += stack)
        for (int j = 0; j < whole; j++)
          strip(least(stack, m - i), depth, a + i * wideA, wideA, b + (long)j * step, c + i * wideC + j * columns, wideC, first, END(j));
    } else {
      // Few rows read each panel once, so that memory is what they wait for: several panels at a time are several streams, and sums enough to hide an addition's latency.
      int i = 0;
      for (; i + 2 <= m; i += 2) {
        int j = 0;
        for (; j + 2 <= whole; j += 2) tile(2, 2, depth, a + i * wideA, wideA, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first, END(j));
        for (; j < whole; j++) tile(2, 1, depth, a + i * wideA, wideA, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first, END(j));
      }
      for (; i < m; i++) {
        int j = 0;
        for (; j + 4 <= whole; j += 4) tile(1, 4, depth, a + i * wideA, wideA, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first, END(j));
        for (; j < whole; j++) tile(1, 1, depth, a + i * wideA, wideA, b + (long)j * step, step, c + i * wideC + j * columns, wideC, first, END(j));
      }
    }
    if (whole < panels) {
      const Ending *end = END(whole);
      for (int r = 0; r < m; r += 4)
        edge(least(4, m - r), n - whole * columns, depth, a + r * wideA, wideA, b + (long)whole * step, c + r * wideC + whole * columns, wideC, first, end);
    }
    a += depth;
    b += (long)panels * step;
    from += depth;
  } while (from < k);
}

// gemm writes a[m, k] times a packed matrix to c[m, n], whose rows lie so many floats apart, with a bias for each column (or none) and limits.
EXPORT(gemm) void gemm(int m, int n, int k, const float *a, int wideA, const float *b, float *c, int wideC, const float *bias, float low, float high) {
  product(m, n, k, a, wideA, b, c, wideC, (Ending){bias, low, high, 0});
}

// transpose writes the transpose of a[rows, wide], whose rows lie `wideA` floats apart.
EXPORT(transpose) void transpose(int rows, int wide, int wideA, const float *a, float *to) {
  for (int i = 0; i < rows; i += 8)
    for (int j = 0; j < wide; j++)
      for (int r = i; r < least(i + 8, rows); r++) to[(long)j * rows + r] = a[(long)r * wideA + j];
}
