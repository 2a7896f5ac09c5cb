// What looks at whole rows: softmax, attention, and folds of [outer, size, inner] over the middle.
#include "numbers.h"

INLINE float largest(v128_t x) {
  v128_t y = wasm_f32x4_max(x, wasm_i32x4_shuffle(x, x, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(wasm_f32x4_max(y, wasm_i32x4_shuffle(y, y, 1, 0, 3, 2)), 0);
}

INLINE float total(v128_t x) {
  return wasm_f32x4_extract_lane(x, 0) + wasm_f32x4_extract_lane(x, 1) + wasm_f32x4_extract_lane(x, 2) + wasm_f32x4_extract_lane(x, 3);
}

// rest loads the last n < 4 floats of a row, with `fill` for what is not there.
INLINE v128_t rest(const float *x, int n, float fill) {
  v128_t v = F(fill);
  if (n > 0) v = wasm_f32x4_replace_lane(v, 0, x[0]);
  if (n > 1) v = wasm_f32x4_replace_lane(v, 1, x[1]);
  if (n > 2) v = wasm_f32x4_replace_lane(v, 2, x[2]);
  return v;
}

// softmax over rows of so many floats, less the row's maximum so that nothing overflows.
EXPORT(softmax) void softmax(int rows, int size, const float *x, float *out) {
  int whole = size / 4 * 4, left = size - whole;
  for (int r = 0; r < rows; r++, x += size, out += size) {
    v128_t end = left ? rest(x + whole, left, -__builtin_inff()) : F(-__builtin_inff());
    v128_t most = end, sum = F(0);
    for (int i = 0; i < whole; i += 4) most = wasm_f32x4_pmax(most, wasm_v128_load(x + i)); // a NaN that is passed over makes the sum one
    v128_t shift = F(largest(most));
    int i = 0;
    for (; i + 8 <= whole; i += 8) {
      v128_t first = below(wasm_f32x4_sub(wasm_v128_load(x + i), shift)), second = below(wasm_f32x4_sub(wasm_v128_load(x + i + 4), shift));
      wasm_v128_store(out + i, first);
      wasm_v128_store(out + i + 4, second);
      sum = wasm_f32x4_add(sum, wasm_f32x4_add(first, second));
    }
    for (; i < whole; i += 4) {
      v128_t e = below(wasm_f32x4_sub(wasm_v128_load(x + i), shift));
      wasm_v128_store(out + i, e);
      sum = wasm_f32x4_add(sum, e);
    }
    if (left) {
      end = below(wasm_f32x4_sub(end, shift));
      sum = wasm_f32x4_add(sum, end);
      for (i = 0; i < left; i++, end = wasm_i32x4_shuffle(end, end, 1, 2, 3, 0)) out[whole + i] = wasm_f32x4_extract_lane(end, 0);
    }
    float by = 1 / total(sum);
    for (i = 0; i < whole; i += 4) wasm_v128_store(out + i, wasm_f32x4_mul(wasm_v128_load(out + i), F(by)));
    for (; i < size; i++) out[i] *= by;
  }
}

enum { queries = 64 };

// attend writes softmax(q kᵀ scale) v to out[rows, wide], for q[rows, size], k[keys, size] and v[keys, wide], whose rows lie so far apart. Where there is a mask[rows, keys]
// (or one row, `wideMask` is 0), `instead` is what stands for a score whose mask is zero. `room` is for k and v packed, and then for so many rows of scores (`queries`).
EXPORT(attend) void attend(int rows, int keys, int size, int wide, const float *q, int wideQ, const float *k, int wideK, const float *v, int wideV, float scale, const float *mask, int wideMask, float instead, float *room, float *out, int wideOut) {
  Ending plain = {0, -__builtin_inff(), __builtin_inff(), 0};
  float *values = room + (long)size * ((keys + columns - 1) / columns * columns);
  float *scores = values + (long)keys * ((wide + columns - 1) / columns * columns);
  pack(size, keys, 1, wideK, k, room);
  pack(keys, wide, 0, wideV, v, values);
  for (int from = 0; from < rows; from += queries) {
    int n = least(queries, rows - from);
    product(n, keys, size, q + (long)from * wideQ, wideQ, room, scores, keys, plain);
    for (int r = 0; r < n; r++) {
      float *row = scores + (long)r * keys;
      const float *seen = mask ? mask + (long)(from + r) * wideMask : 0;
      int i = 0;
      for (; i + 4 <= keys; i += 4) {
        v128_t x = wasm_f32x4_mul(wasm_v128_load(row + i), F(scale));
        wasm_v128_store(row + i, seen ? wasm_v128_bitselect(x, F(instead), wasm_f32x4_ne(wasm_v128_load(seen + i), F(0))) : x);
      }
      for (; i < keys; i++) row[i] = seen && seen[i] == 0 ? instead : row[i] * scale;
    }
    softmax(n, keys, scores, scores);
    product(n, wide, keys, scores, keys, values, out + (long)from * wideOut, wideOut, plain);
  }
}

// So many are added up before they are added to a sum of sums: what is lost by rounding grows with either, not with their product.
enum { few = 64 };

enum { sums, maxima, minima };

INLINE v128_t joined(int fold, v128_t a, v128_t b) {
  return fold == sums ? wasm_f32x4_add(a, b) : fold == maxima ? wasm_f32x4_max(a, b) : wasm_f32x4_min(a, b);
}

// line folds n floats that lie together.
INLINE float line(int fold, const float *x, int n, float none) {
  v128_t all = F(none);
  int whole = n / 16 * 16, from = 0;
  while (from < whole) {
    int to = least(whole, from + few * 16);
    v128_t a = F(none), b = a, c = a, d = a;
    for (int i = from; i < to; i += 16) {
      a = joined(fold, a, wasm_v128_load(x + i));
      b = joined(fold, b, wasm_v128_load(x + i + 4));
      c = joined(fold, c, wasm_v128_load(x + i + 8));
      d = joined(fold, d, wasm_v128_load(x + i + 12));
    }
    all = joined(fold, all, joined(fold, joined(fold, a, b), joined(fold, c, d)));
    from = to;
  }
  for (; from + 4 <= n; from += 4) all = joined(fold, all, wasm_v128_load(x + from));
  all = joined(fold, all, rest(x + from, n - from, none));
  all = joined(fold, all, wasm_i32x4_shuffle(all, all, 2, 3, 0, 1));
  return wasm_f32x4_extract_lane(joined(fold, all, wasm_i32x4_shuffle(all, all, 1, 0, 3, 2)), 0);
}

// beside folds four floats at a time, `n` rows of `inner` floats.
INLINE v128_t beside(int fold, const float *x, int n, int inner, float none) {
  v128_t all = F(none);
  for (int from = 0; from < n; from += few) {
    v128_t a = F(none);
    int to = least(n, from + few);
    for (int i = from; i < to; i++) a = joined(fold, a, wasm_v128_load(x + (long)i * inner));
    all = joined(fold, all, a);
  }
  return all;
}

INLINE void folded(int fold, int outer, int size, int inner, float by, const float *x, float *out) {
  float none = fold == sums ? 0 : fold == maxima ? -__builtin_inff() : __builtin_inff();
  for (int o = 0; o < outer; o++, x += (long)size * inner, out += inner) {
    if (inner == 1) {
      *out = line(fold, x, size, none) * by;
      continue;
    }
    for (int i = 0; i < inner; i += 4) wasm_v128_store(out + i, wasm_f32x4_mul(beside(fold, x + i, size, inner, none), F(by)));
  }
}

// fold writes the sum, the largest or the smallest (0, 1, 2) of the middle of x[outer, size, inner], times `by`. Behind `out` is room for three floats more.
EXPORT(fold) void fold(int fold, int outer, int size, int inner, float by, const float *x, float *out) {
  if (fold == sums) folded(sums, outer, size, inner, by, x, out);
  else if (fold == maxima) folded(maxima, outer, size, inner, by, x, out);
  else folded(minima, outer, size, inner, by, x, out);
}

// spread sums up the squares of what n floats are off their mean.
INLINE float spread(const float *x, int n, float mean) {
  v128_t all = F(0), middle = F(mean);
  int whole = n / 8 * 8, from = 0;
  while (from < whole) {
    int to = least(whole, from + few * 8);
    v128_t a = F(0), b = a;
    for (int i = from; i < to; i += 8) {
      v128_t first = wasm_f32x4_sub(wasm_v128_load(x + i), middle), second = wasm_f32x4_sub(wasm_v128_load(x + i + 4), middle);
      a = MULADD(first, first, a);
      b = MULADD(second, second, b);
    }
    all = wasm_f32x4_add(all, wasm_f32x4_add(a, b));
    from = to;
  }
  for (; from < n; from += 4) {
    v128_t off = wasm_f32x4_sub(n - from < 4 ? rest(x + from, n - from, mean) : wasm_v128_load(x + from), middle);
    all = MULADD(off, off, all);
  }
  return total(all);
}

// norm brings each row of so many floats to a mean of zero and a variance of one, then scales and shifts it (or not). Behind `out` is room for three floats more.
EXPORT(norm) void norm(int rows, int size, float epsilon, const float *x, const float *gamma, const float *beta, float *out) {
  for (int r = 0; r < rows; r++, x += size, out += size) {
    float mean = line(sums, x, size, 0) / size;
    v128_t by = F(1 / __builtin_sqrtf(spread(x, size, mean) / size + epsilon)), middle = F(mean);
    for (int i = 0; i < size; i += 4) {
      v128_t scale = gamma ? wasm_f32x4_mul(by, wasm_v128_load(gamma + i)) : by;
      wasm_v128_store(out + i, MULADD(wasm_f32x4_sub(wasm_v128_load(x + i), middle), scale, beta ? wasm_v128_load(beta + i) : F(0)));
    }
  }
}

// permute writes floats in row-major order of five sizes, taken by a step for each of them.
EXPORT(permute) void permute(const int *sizes, const int *steps, const float *x, float *out) {
  int n = sizes[4], by = steps[4];
  for (int i = 0; i < sizes[0]; i++)
    for (int j = 0; j < sizes[1]; j++)
      for (int k = 0; k < sizes[2]; k++)
        for (int l = 0; l < sizes[3]; l++, out += n) {
          const float *from = x + (long)i * steps[0] + (long)j * steps[1] + (long)k * steps[2] + (long)l * steps[3];
          int p = 0;
          if (by == 1)
            for (; p + 4 <= n; p += 4) wasm_v128_store(out + p, wasm_v128_load(from + p));
          for (; p < n; p++) out[p] = from[(long)p * by];
        }
}
