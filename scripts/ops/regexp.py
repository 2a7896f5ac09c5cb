"""What TensorFlow makes of regular expressions. Without arguments: packages/engine/testdata/regexp.json, a table of patterns, rewrites and texts. With --answer: one case a
line from standard input, [pattern, rewrite, global, [texts]] in base64 but for the flag, one answer a line. Run with tensorflow-cpu 2.21."""
import base64
import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import tensorflow as tf

TARGET = pathlib.Path(__file__).resolve().parents[2] / "packages/engine/testdata/regexp.json"


def answer(pattern, rewrite, replace_global, texts):
    inputs = tf.constant(texts, tf.string)
    try:
        with tf.device("/cpu:0"):
            matches = tf.raw_ops.RegexFullMatch(input=inputs, pattern=tf.constant(pattern))
            replaced = tf.raw_ops.RegexReplace(input=inputs, pattern=tf.constant(pattern), rewrite=tf.constant(rewrite), replace_global=replace_global)
        return {"matches": [bool(v) for v in matches.numpy()], "replaced": [base64.b64encode(v).decode() for v in replaced.numpy()]}
    except UnicodeDecodeError:
        return {"error": "invalid UTF-8"}  # the text of the error has the pattern's bytes in it, which Python cannot read
    except tf.errors.InvalidArgumentError as err:
        return {"error": err.message.split(", error: ", 1)[-1].split(" [Op:")[0]}


if sys.argv[1:] == ["--answer"]:
    for line in sys.stdin:
        pattern, rewrite, replace_global, texts = json.loads(line)
        print(json.dumps(answer(base64.b64decode(pattern), base64.b64decode(rewrite), replace_global, [base64.b64decode(t) for t in texts])), flush=True)
    sys.exit()

latin = lambda s: s.encode("latin-1")
TEXTS = [t.encode() for t in ["", "a", "aab", "ab\ncd\n", "foo bar  baz", "héllo wörld", "Kk\u212a sSſ", "Ωω αβ", "日本語x", "😀𝒳a", "a.b*c", "x\x00y", "ABC_09-é"]] + [
    latin(t) for t in ["\xff", "a\xffb", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80b", "\xc3\xa9\xa9 "]]
GOOD = r"""
a* a+? a?? (a|ab)(c|bcd)* (|a)* (|a)+ (a*)* (a*)+ (a|b)*? a{2} a{0} a{0,1} a{1,} a{2,3}? a{,2} a{ {2} (?:a{10}){100} (a{2}){2}
. (?s). .* (?s).* \C \C* a.b a[^x]b [^é] [^\x00-\x{10ffff}] [\x80-\x{10ffff}] [^a]|a (?s:.)|x ^ $ ^a b$ (?m)^ (?m)$ (?m)^.*$ \A \z \Aa \b \B \bfoo\b \B. ^*
\d \D \w \W \s \S [\d] [^\d] [\D\d] [[:alpha:]] [[:^alpha:]] [^[:space:]] [[:word:]-] [[:punct:]] [[:cntrl:]] [[:xdigit:]]+ [[a]
\pL \PL \p{L} \p{^L} \P{^L} \p{Greek} \p{Han} \p{Lu} \p{Nd} \p{Zs} \p{Any} \p{C} \p{So} [\pL\d]+ [^\pL] \p{Latin}+
(?i)k (?i)s (?i)K (?i)ω (?i)É (?i)[a-c] (?i)[^k] (?i)[[:upper:]] (?i)\p{Lu} (?i)\P{Lu} (?i)\w (?i)\W (?i:a)B (?i)a(?-i)B (?i)h(?s-i:É.)
(?U)a+ (?U)a+? (?P<name>a)(b)? (?P<1>a) (?P<é>a) (?P<n>a)(?P<n>a) ((((a)))) (a)|(b) (a)(b)?(c)? (?:) () (?i) \Qa.b\E \Qa.b \Qa\Eb* a\Q\E+ a*(?i)* x|*y|
\n \t \x41 \x{e9} \x{1F600} \101 \07 \0 \. \_ \- \* [\]] []a] [^]a] [a-] [-a] [--a] [a-b-c] [a\-z] [\n] [\x{7ff}-\x{800}] [\x{ffff}-\x{10000}] \x{d800}
foo|foob|b foo|bar|baz (foo|fo)(o|) (a+)+$ (x+x+)+y ([a-z]+\s?)+$ ^(a|aa)+$ (.*)(.*) (\w+) (.)(.) é+ (é|è)* [é-ö] ä|ö|ü é{2,3} 日本|語 \pL{100}
""".split()
BAD = r"""
( ) (a a) [ [a [] [^] [^ [a- [z-a] [a-\d] [\8] [[:foo:]] [[:alpha [[:alpha: * +a ?a a|* (*) ^(*a) a** a*+ a??? a{2}{3} a{3}+ a+{3} {2}* a{1001} a{2,1} a{1,1001} {2}{2}
(a{1000}){1000} (?:a{1000}){2} ((a{100}){10}){10} (a{0,40}){40} \ a\ \8 \1 \18 \Z \G \E \é \pX \p{Foo} \p{Greek \p \pé [\p [\pX] [\p{Foo}] \p{Grek} \p{Cn} \x \x1 \xg \x{ \x{} \x{g} \x{110000} \x{41
(? (?i (?x)a (?=a) (?!a) (?<=a) (?<n>a) (?P (?P<n (?P< (?P<>a) (?P<a-b>x) (?P=n) (?P>n) (?i-) (?-) (?--i) (?i-i-s) \pL{1000} (?:\pL{500}\pN{500})
""".split()
REWRITES = [(b"", True), (rb"<\0>", True), (rb"[\1]", True), (b"-", False), (rb"\2\1", True), (rb"x\\y", True), (rb"<\0", False)]
SPECIAL = [  # rewrites that are bad, or name groups that are not there
    (b"a", rewrite, every) for rewrite in [b"\\", rb"ab\x", rb"ab\x\1", rb"\1", rb"\9", "é".encode(), b"\xff", b"x\\"] for every in (True, False)
] + [(latin(p), b"", True) for p in ["a\xff", "\\\xff", "[\xff]", "\\Q\xff", "(?P<\xff>a)", "\xe0\x80\x80"]] + [(b"a b", b"", True), ("é .".encode(), rb"\0", True), (b"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)", rb"\9", True)]
rows = []
cases = [(p.encode(), *REWRITES[i % len(REWRITES)]) for i, p in enumerate(GOOD)] + [(p.encode(), rb"<\0>", True) for p in GOOD] + [(p.encode(), b"", True) for p in BAD] + SPECIAL
for pattern, rewrite, every in cases:
    encoded = lambda v: base64.b64encode(v).decode()
    rows.append({"pattern": encoded(pattern), "rewrite": encoded(rewrite), "global": every, **answer(pattern, rewrite, every, TEXTS)})
TARGET.write_text(json.dumps({"texts": [base64.b64encode(t).decode() for t in TEXTS], "rows": 0})[:-2] + "[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
print(len(rows), sum("error" in r for r in rows))
