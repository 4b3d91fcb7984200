// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"github.com/caddyserver/caddy/v2"
)

// Go collects garbage when the heap has doubled. A proxy's heap is small and
// short-lived, so it doubles many times a second, and the work of it is a tenth of
// the whole. What a cycle costs depends on the heap that lives, and how often one
// comes on the room above it: with a fixed room, a small heap is collected seldom,
// and a large one takes no multiple of its size.

const (
	// mostRoom is how much the heap may grow between two cycles, if there is memory
	// enough.
	mostRoom = 20 << 20

	// share is what part of the memory that there is the room may take.
	share = 16

	// leastPercent and mostPercent bound the room as a part of the heap that lives,
	// as GOGC has it.
	leastPercent, mostPercent = 25, 800
)

// tune gives the heap its room from now on, unless the operator has said by GOGC
// what it should have. The memory that there is, is what GOMEMLIMIT says, which
// Caddy sets to 90 % of the container's or the machine's.
func tune(getenv func(string) string) {
	if getenv("GOGC") != "" {
		return
	}
	debug.FreeOSMemory()                // what packages needed to get ready, they do not need any more
	debug.SetGCPercent(mostPercent / 2) // until the first cycle
	caddy.Log().Named("usher").Sugar().Infow("garbage collection by room above the live heap",
		"most_room_mib", mostRoom>>20, "share_of_memory", 1.0/share, "change_by", "GOGC")
	last := 0
	atEachCycle(func() {
		percent := percentFor(live(), debug.SetMemoryLimit(-1))
		if percent != last { // setting it stops everything for a moment
			debug.SetGCPercent(percent)
			last = percent
		}
	})
}

// percentFor returns GOGC for a heap that lives under a limit of memory, in steps
// that leave small changes alone.
func percentFor(live uint64, limit int64) int {
	room := min(mostRoom, limit/share)
	percent := int(room * 100 / int64(max(live, 1<<20)))
	switch {
	case percent > 100:
		percent -= percent % 50
	default:
		percent -= percent % 5
	}
	return max(leastPercent, min(percent, mostPercent))
}

// live returns how much of the heap the last cycle found in use, in bytes.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// atEachCycle runs fn after every garbage collection, one at a time.
func atEachCycle(fn func()) {
	type sign [64]byte // large enough to be an allocation of its own
	runtime.AddCleanup(new(sign), func(int) {
		fn()
		atEachCycle(fn)
	}, 0)
}
