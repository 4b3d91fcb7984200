// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets whose width is at most 1/128 of their
// value, so that quantiles are right to 0.4 % and recording costs one addition.
type histogram struct {
	counts [buckets]uint64
	total  uint64
}

const (
	// fine is the number of bits by which values of one power of two are told
	// apart.
	fine = 7

	// longest is the power of two, in nanoseconds, that no duration reaches: 18
	// minutes.
	longest = 40

	buckets = (longest - fine + 1) << fine
)

// bucket returns where a duration is counted. Short ones have a bucket each.
func bucket(ns uint64) int {
	shift := max(bits.Len64(ns)-fine-1, 0)
	return shift<<fine + int(ns>>shift)
}

// middle returns the duration in the middle of a bucket.
func middle(i int) float64 {
	shift := max(i>>fine-1, 0)
	return float64(uint64(i-shift<<fine)<<shift) + float64(uint64(1)<<shift-1)/2
}

func (h *histogram) record(d time.Duration) {
	h.counts[bucket(uint64(min(max(d, 0), 1<<longest-1)))]++
	h.total++
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
}

// quantile returns the duration, in nanoseconds, below which a share q of all is;
// 0 when nothing was recorded.
func (h *histogram) quantile(q float64) float64 {
	rank, seen := q*float64(h.total), uint64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && float64(seen) >= rank {
			return middle(i)
		}
	}
	return 0
}
