// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package noticetest sends queued mails in tests of what causes them.
package noticetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
)

// Box is a mailer that hands mails to whoever receives from it.
type Box chan mail.Message

// Send puts m into the box, or waits until the context ends.
func (b Box) Send(ctx context.Context, m mail.Message) error {
	select {
	case b <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var catalog = sync.OnceValues(i18n.Load)

// Worker returns a worker for what s queues, which looks when it is told to only.
// What c leaves out is filled in: the hub https://id.example.com, all languages,
// and reports that fail the test.
func Worker(t testing.TB, s *notice.Sender, c notice.WorkerConfig) *notice.Worker {
	t.Helper()
	languages, err := catalog()
	if err != nil {
		t.Fatal(err)
	}
	c.Catalog = languages
	if c.Hub == "" {
		c.Hub = "https://id.example.com"
	}
	if c.Report == nil {
		c.Report = func(err error) { t.Errorf("reported: %v", err) }
	}
	if c.Tick == nil {
		c.Tick = make(chan time.Time)
	}
	return notice.NewWorker(s, c)
}

// Run lets a worker send what s queues until the test ends. Give it a store
// without the faults that the test brings about.
func Run(t testing.TB, s *notice.Sender, c notice.WorkerConfig) {
	t.Helper()
	w := Worker(t, s, c)
	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { w.Deliver(ctx) })
	t.Cleanup(func() {
		stop()
		working.Wait()
	})
}

// Interface guard.
var _ mail.Mailer = Box(nil)
