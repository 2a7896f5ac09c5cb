package main

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// tally counts what happened since the last mark, over all connections.
type tally struct {
	ok, failed atomic.Int64
	latencies  [bucketCount]atomic.Uint32

	mu       sync.Mutex
	failures map[string]int
	marked   time.Time
	used     time.Duration // processor time of this process at the last mark
}

// report is what a mark is answered with.
type report struct {
	OK       int64          `json:"ok"`
	Failed   int64          `json:"failed"`
	InFlight int            `json:"inFlight"`
	Seconds  float64        `json:"seconds"`
	OwnCPU   float64        `json:"ownCpuSeconds"`
	Failures map[string]int `json:"failures"`
	// Latencies are pairs of a latency in µs, at most 1.6 % too long, and how many calls took it.
	Latencies [][2]int64 `json:"latencies"`
}

// A run of failures has few kinds; more than these are counted and not named.
const failureKindsMax = 20

func newTally() *tally {
	return &tally{failures: map[string]int{}, marked: time.Now()}
}

func (t *tally) succeed(latency time.Duration) {
	t.ok.Add(1)
	t.latencies[bucketOf(max(0, latency.Microseconds()))].Add(1)
}

func (t *tally) fail(why string, calls int) {
	t.failed.Add(int64(calls))
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.failures[why]; !known && len(t.failures) >= failureKindsMax {
		why = "others"
	}
	t.failures[why] += calls
}

func (t *tally) mark() report {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, used := time.Now(), processorTime()
	r := report{
		OK:       t.ok.Swap(0),
		Failed:   t.failed.Swap(0),
		Seconds:  now.Sub(t.marked).Seconds(),
		OwnCPU:   (used - t.used).Seconds(),
		Failures: t.failures,
	}
	for i := range t.latencies {
		if n := t.latencies[i].Swap(0); n > 0 {
			r.Latencies = append(r.Latencies, [2]int64{longestOf(i), int64(n)})
		}
	}
	t.failures, t.marked, t.used = map[string]int{}, now, used
	return r
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Latencies are counted in buckets: one for each µs up to 128, then 64 for each doubling.
const bucketCount = 128 + 64*26

func bucketOf(micros int64) int {
	if micros < 128 {
		return int(micros)
	}
	doublings := bits.Len64(uint64(micros)) - 7
	return min(bucketCount-1, 128+(doublings-1)*64+int(micros>>doublings)-64)
}

// longestOf is the longest latency that a bucket counts.
func longestOf(bucket int) int64 {
	if bucket < 128 {
		return int64(bucket)
	}
	doublings := (bucket-128)/64 + 1
	return (int64((bucket-128)%64+65) << doublings) - 1
}
