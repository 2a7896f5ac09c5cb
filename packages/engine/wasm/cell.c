// Steps of recurrent layers, for m rows: products of what comes in, x[m, k], and of what the last step gave, h[m, n], then the gates. Both kernels are packed. Results are
// written four floats at a time: the next row comes over what was too much, and behind the last one is room.
#include "numbers.h"

// sums writes x times its kernel, and a bias (or none), to z[m, wide].
static void sums(int m, int wide, int k, const float *x, const float *kernel, const float *bias, float *z, int more) {
  product(m, wide, k, x, k, kernel, z, wide, (Ending){bias, -__builtin_inff(), __builtin_inff(), more});
}

// lstm has the gates input, forget, cell and output side by side in both kernels, [k, 4 n] and [n, 4 n]; c[m, n] is the cell. `z` has room for m rows of gates.
EXPORT(lstm) void lstm(int m, int n, int k, const float *x, const float *kernel, const float *h, const float *recurrent, const float *bias, const float *c, float *z, float *outH, float *outC) {
  sums(m, 4 * n, k, x, kernel, 0, z, 0);
  sums(m, 4 * n, n, h, recurrent, bias, z, 1);
  for (int r = 0; r < m; r++, z += 4 * n, c += n, outH += n, outC += n)
    for (int i = 0; i < n; i += 4) {
      v128_t in = sigmoid(wasm_v128_load(z + i)), forget = sigmoid(wasm_v128_load(z + n + i)), out = sigmoid(wasm_v128_load(z + 3 * n + i));
      v128_t cell = wasm_f32x4_add(wasm_f32x4_mul(forget, wasm_v128_load(c + i)), wasm_f32x4_mul(in, hyperbolic(wasm_v128_load(z + 2 * n + i))));
      wasm_v128_store(outC + i, cell);
      wasm_v128_store(outH + i, wasm_f32x4_mul(out, hyperbolic(cell)));
    }
}

// gru has the gates update, reset and candidate side by side in both kernels, [k, 3 n] and [n, 3 n], each with a bias or none. `z` has room for 2 m rows of gates.
EXPORT(gru) void gru(int m, int n, int k, const float *x, const float *kernel, const float *bias, const float *h, const float *recurrent, const float *recurrentBias, float *z, float *out) {
  float *y = z + (long)m * 3 * n;
  sums(m, 3 * n, k, x, kernel, bias, z, 0);
  sums(m, 3 * n, n, h, recurrent, recurrentBias, y, 0);
  for (int r = 0; r < m; r++, z += 3 * n, y += 3 * n, h += n, out += n)
    for (int i = 0; i < n; i += 4) {
      v128_t update = sigmoid(wasm_f32x4_add(wasm_v128_load(z + i), wasm_v128_load(y + i)));
      v128_t reset = sigmoid(wasm_f32x4_add(wasm_v128_load(z + n + i), wasm_v128_load(y + n + i)));
      v128_t now = hyperbolic(wasm_f32x4_add(wasm_v128_load(z + 2 * n + i), wasm_f32x4_mul(reset, wasm_v128_load(y + 2 * n + i))));
      v128_t kept = wasm_f32x4_mul(update, wasm_v128_load(h + i));
      wasm_v128_store(out + i, wasm_f32x4_add(kept, wasm_f32x4_mul(wasm_f32x4_sub(F(1), update), now)));
    }
}
