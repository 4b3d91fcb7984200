// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/throttle"
)

// mailbox takes messages, or fails when it is told to.
type mailbox struct {
	got  chan mail.Message
	fail error
}

func (m *mailbox) Send(_ context.Context, msg mail.Message) error {
	m.got <- msg
	return m.fail
}

func newSender(box *mailbox, report func(error)) *notice.Sender {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return notice.NewSender("https://id.example.com", box, throttle.New(func() time.Time { return clock }), report)
}

func TestNoticesNameThePublisherAndTheHub(t *testing.T) {
	box := &mailbox{got: make(chan mail.Message, 1)}
	newSender(box, func(err error) { t.Error(err) }).AccountExists("Example Media", "ann@example.com")
	m := <-box.got
	if m.To != "ann@example.com" || m.From != "no-reply@id.example.com" || m.FromName != "Example Media" {
		t.Errorf("sent %+v", m)
	}
	if !strings.Contains(m.Text, "https://id.example.com/login") {
		t.Errorf("no link to the hub in %q", m.Text)
	}
}

func TestAnAddressGetsThreeNoticesAnHour(t *testing.T) {
	box := &mailbox{got: make(chan mail.Message, 10)}
	s := newSender(box, func(err error) { t.Error(err) })
	for range 10 {
		s.AccountExists("Example Media", "ann@example.com")
	}
	s.SessionEnded("Example Media", "bob@example.com")
	ann := 0
	for range 4 {
		if (<-box.got).To == "ann@example.com" {
			ann++
		}
	}
	if ann != 3 {
		t.Errorf("ann got %d notices, want 3", ann)
	}
	select {
	case m := <-box.got:
		t.Errorf("one more was sent to %s", m.To)
	default:
	}
}

func TestADeliveryThatFailsIsReported(t *testing.T) {
	broken := errors.New("no mail server")
	box, reported := &mailbox{got: make(chan mail.Message, 1), fail: broken}, make(chan error, 1)
	newSender(box, func(err error) { reported <- err }).SessionEnded("Example Media", "ann@example.com")
	if err := <-reported; !errors.Is(err, broken) || strings.Contains(err.Error(), "ann@") {
		t.Errorf("reported %v", err)
	}
}
