// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"testing"
	"time"
)

func TestBucketsAreContiguousAndNarrow(t *testing.T) {
	before := -1
	for ns := uint64(0); ns < 1<<20; ns++ {
		i := bucket(ns)
		if i != before && i != before+1 {
			t.Fatalf("%d ns is in bucket %d after bucket %d", ns, i, before)
		}
		before = i
	}
	for _, ns := range []uint64{0, 1, 127, 128, 255, 256, 1000, 123_456, 5_000_000_000, 1<<longest - 1} {
		i := bucket(ns)
		if i >= buckets {
			t.Fatalf("%d ns is in bucket %d of %d", ns, i, buckets)
		}
		if got := middle(i); math.Abs(got-float64(ns)) > float64(ns)/200 {
			t.Errorf("%d ns reads as %.1f", ns, got)
		}
	}
}

func TestQuantilesOfAKnownSeries(t *testing.T) {
	var a, b histogram
	for i := 1; i <= 1000; i++ {
		h := &a
		if i%2 == 0 {
			h = &b
		}
		h.record(time.Duration(i) * time.Microsecond)
	}
	a.merge(&b)
	tests := map[float64]float64{0.5: 500e3, 0.99: 990e3, 1: 1000e3, 0.001: 1e3}
	for q, want := range tests {
		if got := a.quantile(q); math.Abs(got-want) > want/100 {
			t.Errorf("quantile %v is %.0f, want %.0f", q, got, want)
		}
	}
}

func TestExtremesAreCounted(t *testing.T) {
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	h.record(-time.Second)
	h.record(24 * time.Hour)
	if h.total != 2 || h.quantile(0.4) != 0 || h.quantile(1) < 1e12 {
		t.Errorf("counted %d, from %v to %v", h.total, h.quantile(0.4), h.quantile(1))
	}
}
