// Decimal numbers to float32, the usual ones of src/numbers.ts, which says why the values are exactly those of JSON.parse; what is not usual is left to it. First it is found where numbers end,
// for many at once, and then what each is: so one need not be known before the next is begun.
#include <wasm_simd128.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define WINDOW (1 << 15)
#define SLACK 64
#define EACH 64

// Behind what is in the window lie zeros, which are in no number.
static u8 window[WINDOW + SLACK + EACH];
static float floats[WINDOW / 2];
static u32 length;
// Where a number would end: commas, closing brackets, blanks and zeros. More than there are may be written.
static u16 ends[WINDOW + SLACK + 2 * EACH];
// The first of them that has not been passed.
static u32 ahead;
// Where reading stopped, how many numbers the open list still takes, and why: the window is used up, an unusual number begins there, something unusual stands behind a number, or blanks stand in
// front of one.
static u32 stopped[3];
enum { USED_UP, NUMBER, BEHIND, BLANKS };

__attribute__((export_name("input"))) void *input(void) { return window; }
__attribute__((export_name("output"))) void *output(void) { return floats; }
__attribute__((export_name("stopped"))) void *state(void) { return stopped; }

static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
static const u32 tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
// Digits that make an exact double, whatever they are.
#define EXACT 15

static inline u64 closing(const u8 *at) {
  v128_t v = wasm_v128_load(at);
  v128_t found = wasm_v128_or(wasm_i8x16_eq(v, wasm_i8x16_splat(',')), wasm_i8x16_eq(v, wasm_i8x16_splat(']')));
  return wasm_i8x16_bitmask(wasm_v128_or(found, wasm_u8x16_le(v, wasm_u8x16_splat(' '))));
}

// scan looks at so many bytes that were put into the window.
__attribute__((export_name("scan"))) void scan(u32 bytes) {
  u32 count = 0;
  length = bytes;
  ahead = 0;
  for (u32 at = 0; at < bytes + 1; at += EACH) {
    const u8 *from = window + at;
    u64 mask = closing(from) | closing(from + 16) << 16 | closing(from + 32) << 32 | closing(from + 48) << 48;
    u16 *to = ends + count;
    count += (u32)__builtin_popcountll(mask);
    // Eight at a time, whether there are so many or not: no branch depends on how many there are.
    do {
      for (int i = 0; i < 8; i++) {
        *to++ = (u16)(at + (u32)__builtin_ctzll(mask));
        mask &= mask - 1;
      }
    } while (mask != 0);
  }
}

static inline u64 word(u32 at) {
  u64 found;
  __builtin_memcpy(&found, window + at, 8);
  return found ^ 0x3030303030303030;
}

// others marks the bytes of a word that are no digits, or stand behind one that is none.
static inline u64 others(u64 w) { return (w | (w + 0x7676767676767676)) & 0x8080808080808080; }

// leading counts the digits at the start of a word.
static inline u32 leading(u64 w) {
  u64 mark = others(w);
  return mark == 0 ? 8 : (u32)__builtin_ctzll(mark) >> 3;
}

// eight is the number of a word's digits.
static inline u32 eight(u64 w) {
  w = w * 10 + (w >> 8);
  return (u32)(((w & 0x000000ff000000ff) * 0x000f424000000064 + ((w >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >> 32);
}

// first is that of its first n, one at least.
static inline u32 first(u64 w, u32 n) { return eight(w << (64 - 8 * n)); }

// longer reads a number of any length that ends at `end`, without its sign. 0: it is an unusual one.
static int longer(u32 at, u32 end, double *value) {
  u64 w = word(at);
  u32 digits = leading(w), scale = 0;
  if (digits == 0 || (digits > 1 && (u8)w == 0)) return 0;
  u64 whole = first(w, digits);
  int dropped = 0;
  at += digits;
  if (window[at] == '.') {
    w = word(++at);
    u32 n = leading(w);
    if (n == 0) return 0;
    if (whole == 0) digits = 0;
    digits += n;
    if (digits > EXACT) return 0;
    whole = whole * tens[n] + first(w, n);
    scale = n;
    at += n;
    if (n == 8) {
      w = word(at);
      n = leading(w);
      u32 kept = n < EXACT - digits ? n : EXACT - digits;
      if (kept > 0) whole = whole * tens[kept] + first(w, kept);
      scale += kept;
      at += n;
      dropped = kept < n;
    }
  }
  if (at != end) return 0;
  *value = (double)whole / powers[scale];
  return !dropped || (float)*value == (float)((double)(whole + 1) / powers[scale]);
}

// read reads numbers from `at`, where one begins, as long as they begin in front of `end`. Lists are `width` long, if that is above 0, and the open one takes `left` more. It gives how many were read.
__attribute__((export_name("read"))) u32 read(u32 at, u32 end, u32 width, u32 left) {
  u32 count = 0, why = USED_UP, next = ahead;
  while (at < end) {
    while (ends[next] < at) next++;
    u32 stop = ends[next];
    u32 from = at + (window[at] == '-');
    u32 digits = stop - from - 2;
    double value;
    if (stop >= length) goto unusual;
    if (digits - 1 < 8 && window[from + 1] == '.') {
      // A digit, the point, and up to eight more.
      u32 units = (u32)window[from] - '0';
      u64 w = word(from + 2) << (64 - 8 * digits);
      if (units > 9 || others(w) != 0) goto unusual;
      value = (double)((u64)units * tens[digits] + eight(w)) / powers[digits];
    } else if (!longer(from, stop, &value)) goto unusual;
    floats[count++] = (float)(from == at ? value : -value);
    at = stop;
    if (window[at] == ',') {
      at += window[at + 1] == ' ' ? 2 : 1;
      left--;
    } else {
      u32 open = at + (window[at + 2] == ' ' ? 3 : 2);
      if (window[at] != ']' || left != 1 || window[at + 1] != ',' || window[open] != '[') {
        why = BEHIND;
        break;
      }
      at = open + 1;
      left = width;
    }
    if (window[at] <= ' ') {
      why = BLANKS;
      break;
    }
    continue;
  unusual:
    why = NUMBER;
    break;
  }
  ahead = next;
  stopped[0] = at;
  stopped[1] = left;
  stopped[2] = why;
  return count;
}
