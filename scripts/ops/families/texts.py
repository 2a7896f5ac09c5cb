"""Strings: characters, numbers, hashes, pieces and joins."""
from rows import np, row, tf

s = lambda *v: np.array([x if isinstance(x, bytes) else x.encode() for x in v], object)
i32 = lambda *v: np.array(v, np.int32)
i64 = lambda *v: np.array(v, np.int64)
one = lambda x: np.array(x.encode(), object)
odd = s("aé世😀", "", b"a\xffb", b"\xe4\xb8", b"\xed\xa0\x80x", b"\xf5\x80", b"\xc0\xaf", "\x01\x7f")
for errors in ("replace", "ignore", "strict"):
    for op in ("UnicodeDecode", "UnicodeDecodeWithOffsets"):
        row(op, [odd], input_encoding="UTF-8", errors=errors, label=errors)
row("UnicodeDecode", [odd], input_encoding="UTF-8", replacement_char=63, replace_control_characters=True, Tsplits=tf.int32, label="controls")
row("UnicodeDecode", [s("aé世😀".encode("utf-16-be"), b"\xd8\x00", b"\x00a\x00")], input_encoding="UTF-16-BE", label="UTF-16-BE")
row("UnicodeDecode", [s("aé世😀".encode("utf-32-be"))], input_encoding="UTF-32-BE", label="UTF-32-BE")
points = i32(97, 233, 0x4E16, 0x1F600, 0xD800, 0x110000, 98)
for encoding in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
    for errors in ("replace", "ignore", "strict"):
        row("UnicodeEncode", [points, i64(0, 4, 4, 7)], output_encoding=encoding, errors=errors, label=f"{encoding} {errors}")
    row("UnicodeTranscode", [odd], input_encoding="UTF-8", output_encoding=encoding, label=encoding)
words = s("a", "bb", "ccc", "d", "e")
for widths, pad, keep in (([2], 0, False), ([1, 2, 3], 0, False), ([2], -1, False), ([3], 1, False), ([4], 0, True), ([2, 4], 0, True)):
    row("StringNGrams", [words, i64(0, 3, 3, 5)], separator="|", ngram_widths=widths, left_pad="<", right_pad=">", pad_width=pad, preserve_short_sequences=keep, label=f"{widths} {pad} {keep}")
row("StringNGrams", [words, i64(0, 3, 4)], separator="|", ngram_widths=[2], left_pad="", right_pad="", pad_width=0, preserve_short_sequences=False, label="bad splits")
row("Substr", [s("abcdef", "xyz"), np.int32(1), np.int32(2)])
row("Substr", [s("abcdef", "xyzuvw"), i32(-3, 2), i32(2, 9)])
row("Substr", [s("aé世😀b"), np.int32(1), np.int32(3)], unit="UTF8_CHAR")
row("Substr", [s("abc"), np.int32(4), np.int32(1)], label="out of range")
lengths = s(*["".join(chr(97 + (i * 7 + n) % 26) for i in range(n)) for n in (0, 1, 3, 4, 7, 8, 12, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 128, 129, 300)])
for buckets in (7, 2**40):
    row("StringToHashBucketFast", [lengths], num_buckets=buckets, label=str(buckets))
    row("StringToHashBucketStrong", [lengths], num_buckets=buckets, key=[133, 2**50 + 1], label=str(buckets))

row("StringToNumber", [s("1.5", " -2e3 ", "inf", "-nan", ".5", "7.")])
row("StringToNumber", [s("12", "-7")], out_type=tf.int64)
row("StringToNumber", [s("3000000000")], out_type=tf.int32, label="too large")
row("StringToNumber", [s("1.5x")], label="no number")
row("DecodeRaw", [s(b"\x01\x02\x03\x04", b"\x05\x06\x07\x08")], out_type=tf.int16)
row("DecodeRaw", [s(b"\x01\x02\x03\x04")], out_type=tf.int32, little_endian=False)
row("DecodeRaw", [s(b"\x01\x02\x03")], out_type=tf.int16, label="not a multiple")
for pad in (False, True):
    row("EncodeBase64", [s("", "a", "ab", b"\xff\xfe\xfd")], pad=pad)
row("DecodeBase64", [s("", "YQ", "YQ==", "__79")])
row("DecodeBase64", [s("Y!")], label="no base64")
grid = np.array([[b"a", b"b"], [b"c", b"d"]], object)
for axes in ([0], [1], [0, 1], [1, 0], []):
    for keep in (False, True):
        row("ReduceJoin", [grid, np.array(axes, np.int32)], keep_dims=keep, separator="-", label=f"{axes} {keep}")
row("UnsortedSegmentJoin", [s("a", "b", "c"), i32(1, 0, 1), np.int32(3)], separator=",")
row("StringFormat", [i32(1, 2, 3, 4, 5, 6, 7, 8)], template="x = %s!", placeholder="%s", summarize=3, label="a long vector")
row("StringFormat", [np.array([[1.5, 2], [3, 4]], np.float32)], template="{}", placeholder="{}", summarize=3, label="a matrix")
