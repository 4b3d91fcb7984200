// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// BenchmarkUpdate measures updates of a few hundred bytes, as for a session,
// by writers that each wait for their update before the next. A commit costs
// two syncs of the disk.
func BenchmarkUpdate(b *testing.B) {
	value := fmt.Appendf(nil, `{"session":%q}`, make([]byte, 50))
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			backend := mustOpen(b, newPath(b))
			start := commits(b, backend)
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range writers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						err := backend.Update(b.Context(), func(tx authstore.Tx) error {
							return tx.Put("sessions", fmt.Sprintf("%016x", uint64(i)*0x9e3779b97f4a7c15), value)
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(commits(b, backend)-start)/float64(b.N), "commits/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}
