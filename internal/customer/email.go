// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer

import (
	"errors"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// ErrEmail says that a text is not an e-mail address that mail can be sent to.
var ErrEmail = errors.New("not a valid e-mail address")

// maxEmail is the longest address that mail can carry (RFC 5321, section
// 4.5.3.1.3, less the brackets).
const maxEmail = 254

// Email is an address as it was written, and in the one form that all of its
// spellings share. Accounts and limits go by the latter, so that another
// spelling is neither another account nor another counter.
type Email struct {
	Address string
	Key     string
}

// ParseEmail reads an address (RFC 5322 addr-spec, no display name). The key
// ignores case and Unicode composition, and the domain is in ASCII. Errors:
// ErrEmail.
func ParseEmail(s string) (Email, error) {
	s = strings.TrimSpace(s)
	if len(s) > maxEmail || !utf8.ValidString(s) || strings.ContainsAny(s, "<>\"\r\n\x00") {
		return Email{}, ErrEmail
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return Email{}, ErrEmail
	}
	at := strings.LastIndexByte(s, '@')
	domain, err := idna.Lookup.ToASCII(s[at+1:])
	if err != nil || !strings.Contains(domain, ".") || strings.HasSuffix(domain, ".") {
		return Email{}, ErrEmail
	}
	return Email{Address: s, Key: strings.ToLower(norm.NFC.String(s[:at])) + "@" + strings.ToLower(domain)}, nil
}

// Local returns the part before the at sign, which no password should be.
func (e Email) Local() string { return e.Key[:strings.LastIndexByte(e.Key, '@')] }
