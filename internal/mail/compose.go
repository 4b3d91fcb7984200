// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mail

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

const (
	// maxAddressBytes is the longest address that fits a path of RFC 5321
	// section 4.5.3.1.3. Longer ones make mail servers refuse, or truncate.
	maxAddressBytes = 254

	// maxHeaderBytes bounds subject and names. Encoded they stay below the 998
	// characters of a line in RFC 5322 section 2.1.1, and a name from a dashboard
	// cannot fill a mail with megabytes of header.
	maxHeaderBytes = 250

	// maxBodyBytes bounds each body. Our longest page of text has a few
	// kilobytes; more is a template that loops over stored data.
	maxBodyBytes = 1 << 20
)

// check returns an error around ErrInvalid unless m can be composed. Everything
// that ends up in a header passes here, so no value can begin a header of its
// own, and the composing library's own quoting is never the only defence.
func check(m Message) error {
	for _, f := range []struct {
		name, value string
		optional    bool
		fault       func(string) string
	}{
		{"id", m.ID, true, idFault},
		{"from", m.From, false, addressFault},
		{"from name", m.FromName, true, headerFault},
		{"to", m.To, false, addressFault},
		{"reply-to", m.ReplyTo, true, addressFault},
		{"subject", m.Subject, false, headerFault},
		{"text", m.Text, false, bodyFault},
		{"html", m.HTML, true, bodyFault},
	} {
		if f.value == "" {
			if f.optional {
				continue
			}
			return fmt.Errorf("%w: %s is empty", ErrInvalid, f.name)
		}
		if fault := f.fault(f.value); fault != "" {
			return fmt.Errorf("%w: %s %s", ErrInvalid, f.name, fault)
		}
	}
	return nil
}

// maxIDBytes bounds the left part of a Message-ID.
const maxIDBytes = 64

// idFault says what is wrong with s as the left part of a Message-ID.
func idFault(s string) string {
	if len(s) > maxIDBytes {
		return "is too long"
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return "has a character that is neither letter nor digit"
		}
	}
	return ""
}

// newID returns an ID for a message without one: 130 random bits, so no two are
// equal.
func newID() string { return strings.ToLower(rand.Text()) }

// addressFault says what is wrong with s as one bare ASCII address, as in
// "ann@example.com"; empty means nothing.
//
// Not accepted are a name or comment around it, lists, quoted local parts, and
// addresses beyond ASCII: those need SMTPUTF8 (RFC 6531) on every server of the
// way. International domains are written in their ASCII form ("xn--…").
func addressFault(s string) string {
	if len(s) > maxAddressBytes {
		return "is too long"
	}
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return "has a character that addresses do not have"
		}
	}
	// The parser's own error is dropped: it quotes what it was given.
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "is not an address"
	}
	return ""
}

// headerFault says what is wrong with s as one line of text.
func headerFault(s string) string {
	switch {
	case len(s) > maxHeaderBytes:
		return "is too long"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.TrimSpace(s) == "":
		return "is blank"
	case strings.ContainsFunc(s, isBreak):
		return "has a line break or control character"
	case strings.Contains(s, "=?"):
		// Readers decode encoded words (RFC 2047) wherever they find them, so
		// this text would be shown as something that was never checked.
		return "has the start of an encoded word (=?)"
	}
	return ""
}

// isBreak tells control characters, CR and LF among them, and what some
// programs take for a line break, from text.
func isBreak(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// squeeze makes each run of white space one space. Folded, a long run would make
// a header line of nothing but white space, which RFC 5322 section 3.2.2 forbids
// and some servers take for the end of the headers.
func squeeze(s string) string {
	return strings.Join(strings.Fields(s), " ")
}

// bodyFault says what is wrong with s as text of any number of lines.
func bodyFault(s string) string {
	switch {
	case len(s) > maxBodyBytes:
		return "is too long"
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsRune(s, 0):
		return "has a NUL character"
	}
	return ""
}

// compose makes the RFC 5322 form of m, dated at date.
func compose(m Message, date time.Time) (*gomail.Msg, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	// Without the option every mail would tell the library and its version.
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&mail.Address{Name: squeeze(m.FromName), Address: m.From})
	msg.ToMailAddress(&mail.Address{Address: m.To})
	if m.ReplyTo != "" {
		msg.ReplyToMailAddress(&mail.Address{Address: m.ReplyTo})
	}
	msg.Subject(squeeze(m.Subject))
	msg.SetDateWithValue(date)
	// Set here because the library would put the host's name into it.
	msg.SetMessageIDWithValue(cmp.Or(m.ID, newID()) + m.From[strings.LastIndexByte(m.From, '@'):])
	// RFC 3834: holiday notices and ticket systems must not answer.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All") // the same for Exchange

	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return msg, nil
}
