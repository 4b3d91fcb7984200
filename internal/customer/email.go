// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// ErrEmail says that a text is not an e-mail address that mail can be sent to.
var ErrEmail = errors.New("not a valid e-mail address")

// maxEmail is the longest address that mail can carry (RFC 5321, section
// 4.5.3.1.3, less the brackets).
const maxEmail = 254

// Email is an e-mail address in its forms.
type Email struct {
	// Address is as it was written, to be shown.
	Address string

	// Mailbox has the domain in ASCII, as mail servers want it.
	Mailbox string

	// Key is the one form that all spellings share. Accounts and limits go by
	// it, so that another spelling is neither another account nor another
	// counter.
	Key string
}

// domains reads names as browsers do, and refuses what DNS cannot hold.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// ParseEmail reads an address (RFC 5322 addr-spec, no display name). Domains
// may be international; the part before the at sign is ASCII, because few mail
// servers take another (RFC 6531). Errors: ErrEmail.
func ParseEmail(s string) (Email, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxEmail || strings.ContainsAny(s, "<>\"\r\n\x00") {
		return Email{}, ErrEmail
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return Email{}, ErrEmail
	}
	at := strings.LastIndexByte(s, '@')
	if strings.IndexFunc(s[:at], func(r rune) bool { return r > '~' }) >= 0 {
		return Email{}, ErrEmail
	}
	domain, err := domains.ToASCII(s[at+1:])
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	if err != nil || last == domain || strings.Trim(last, "0123456789") == "" {
		return Email{}, ErrEmail
	}
	mailbox := s[:at+1] + strings.ToLower(domain)
	if len(mailbox) > maxEmail {
		return Email{}, ErrEmail
	}
	return Email{Address: s, Mailbox: mailbox, Key: strings.ToLower(mailbox)}, nil
}

// Local returns the part before the at sign, which no password should be.
func (e Email) Local() string { return e.Key[:strings.LastIndexByte(e.Key, '@')] }
