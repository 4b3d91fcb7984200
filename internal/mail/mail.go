// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package mail owns how a message is checked, composed as RFC 5322 text and
// delivered. A Mailer delivers; Outbox is the one that needs no mail server.
//
// It refuses to know what messages say: subjects and bodies come ready, in the
// viewer's language and, for HTML, escaped. It keeps no queue, limits no rates
// and never logs: whoever sends decides how often, to whom, and what to record.
package mail

import (
	"context"
	"errors"
)

// ErrInvalid says that a message can never be sent as it is: an address that is
// none, a line break in a header, no text. Trying again is pointless. The error
// around it names the field and never repeats its content, which may be an
// address or a secret link.
var ErrInvalid = errors.New("invalid message")

// Message is one message to one recipient. All strings are UTF-8.
//
// There is no name for the recipient on purpose: viewers choose their names at
// registration, before anyone has proven to own the address, and a name such as
// "You won, visit evil.example" would reach strangers under our sender.
type Message struct {
	// ID becomes the left part of the Message-ID, so that readers know a message
	// that was delivered twice for the same. Letters and digits. Optional: empty
	// means a random one.
	ID string
	// From is the sender's bare address, as in "no-reply@example.com". Required.
	// Its domain is also that of the Message-ID.
	From string
	// FromName is shown instead of From, as in "Nova TV". Optional.
	FromName string
	// To is the recipient's bare address. Required.
	To string
	// ReplyTo is the bare address that answers go to. Optional: empty means From.
	ReplyTo string
	// Subject is one line of plain text. Required.
	Subject string
	// Text is the plain text body. Required, so that every message can be read
	// without HTML.
	Text string
	// HTML is the same content as HTML, already escaped. Optional.
	HTML string
}

// Addressed is implemented by mailers that send from an address of their own,
// because their server takes no other.
type Addressed interface {
	// Sender returns the bare address, or "" for that of the installation.
	Sender() string
}

// Mailer delivers messages. Plugins implement it.
type Mailer interface {
	// Send hands m over for delivery. A nil error means that another party (a
	// mail server, a file system) has taken responsibility for it, not that it
	// was read or will arrive.
	//
	// Send may be called concurrently and after a config reload, while a newer
	// Mailer is already in use. It keeps nothing of m after it returns.
	//
	// Send makes one attempt and does not retry; the caller decides. Errors mean:
	//
	//   - errors.Is(err, ErrInvalid): never, for this message.
	//   - ctx.Err(), when ctx ended first: perhaps later.
	//   - anything else: the other side is unavailable or refuses; perhaps later.
	//
	// After an error of the last two kinds the message may still have been
	// delivered (the answer of a mail server got lost), so trying again can
	// deliver it twice. Therefore send nothing that is harmful when read twice.
	//
	// Errors contain no address, subject or body: callers log them.
	Send(ctx context.Context, m Message) error
}
