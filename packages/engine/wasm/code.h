// What the files here share.
#include <wasm_simd128.h>

#ifdef RELAXED
#define MULADD(a, b, c) ((v128_t)__builtin_wasm_relaxed_madd_f32x4((__f32x4)(a), (__f32x4)(b), (__f32x4)(c)))
#else
#define MULADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif
#define EXPORT(name) __attribute__((export_name(#name)))

// A packed matrix has panels of so many columns.
enum { columns = 8 };

static inline int least(int a, int b) { return a < b ? a : b; }

void gemm(int m, int n, int k, const float *a, const float *b, float *c);
