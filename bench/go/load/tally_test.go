package main

import "testing"

// A bucket's bound is never below the latency that it counts, and at most 1/64 above.
func TestBuckets(t *testing.T) {
	for micros := int64(0); micros < 1<<31; micros += 1 + micros/1000 {
		longest := longestOf(bucketOf(micros))
		if longest < micros || float64(longest) > float64(micros)*(1+1.0/64) {
			t.Fatalf("%d µs is counted as %d µs", micros, longest)
		}
		if longest+1 < 1<<31 && bucketOf(longest+1) == bucketOf(micros) {
			t.Fatalf("%d µs is counted with %d µs", longest+1, micros)
		}
	}
}
