// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestRoomIsFixedAndBounded(t *testing.T) {
	const mib = 1 << 20
	for _, tt := range []struct {
		live  uint64
		limit int64
		want  int
	}{
		{5 * mib, math.MaxInt64, 400}, // 20 MiB above 5
		{10 * mib, math.MaxInt64, 200},
		{20 * mib, math.MaxInt64, 100},
		{32 * mib, math.MaxInt64, 60},
		{40 * mib, math.MaxInt64, 50},
		{4096 * mib, math.MaxInt64, leastPercent},
		{0, math.MaxInt64, mostPercent},
		{mib, math.MaxInt64, mostPercent},
		{10 * mib, 160 * mib, 100}, // a sixteenth of the memory
		{10 * mib, 128 * mib, 80},
		{20 * mib, 64 * mib, leastPercent},
		{10 * mib, 0, leastPercent},
	} {
		if got := percentFor(tt.live, tt.limit); got != tt.want {
			t.Errorf("%d MiB live of %d MiB: %d %%, want %d", tt.live/mib, tt.limit/mib, got, tt.want)
		}
	}
}

func TestRoomFollowsTheHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	done := make(chan int, 8)
	atEachCycle(func() {
		select {
		case done <- percentFor(live(), debug.SetMemoryLimit(-1)):
		default:
		}
	})
	ballast := make([]byte, 100<<20)
	var seen []int
	for range 3 {
		runtime.GC()
		seen = append(seen, <-done)
	}
	runtime.KeepAlive(ballast)
	if last := seen[len(seen)-1]; last > 60 {
		t.Errorf("with 100 MiB in use, room is %v %%, want 60 at most", seen)
	}
}

func TestOperatorsGOGCWins(t *testing.T) {
	before := debug.SetGCPercent(77)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	tune(func(name string) string { return map[string]string{"GOGC": "77"}[name] })
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("GOGC is %d, want what the operator set", got)
	}
}
