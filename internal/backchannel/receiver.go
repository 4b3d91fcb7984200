// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package backchannel owns telling apps that a session has ended, by OpenID
// Connect Back-Channel Logout 1.0: which receivers an operator may name, and that
// each of them gets a signed logout token for each end. The store keeps what is
// to be told from the transaction that ends the session on; a Worker tells it.
//
// It refuses to make anybody wait: a sign-out never waits for a receiver, nor
// does one receiver for another. It keeps no token: each is signed when it is
// sent.
package backchannel

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
)

const (
	// maxReceivers bounds what a publisher's record holds, and how many writes
	// one sign-out costs.
	maxReceivers = 16

	// maxURL and maxAudience bound what each of them adds to the record.
	maxURL      = 1024
	maxAudience = 256
)

// ParseReceiver reads a receiver that an operator wrote. Without an audience it
// is the URL's origin. Errors say what to write instead.
func ParseReceiver(address, audience string) (authstore.Receiver, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return authstore.Receiver{}, fmt.Errorf("%q is no address of an app; write it like https://app.example.com/backchannel-logout", shortened(address))
	}
	switch {
	case u.User != nil:
		return authstore.Receiver{}, errors.New("the address has a user name; remove it, because logout tokens prove themselves")
	case u.Fragment != "" || strings.HasSuffix(address, "#"):
		return authstore.Receiver{}, fmt.Errorf("%q has a fragment, which servers never see; remove it", shortened(address))
	case strings.ContainsAny(address, "{}"):
		return authstore.Receiver{}, fmt.Errorf("%q has a brace; write {$NAME} for an environment variable, and %%7B for a brace", shortened(address))
	case len(address) > maxURL:
		return authstore.Receiver{}, fmt.Errorf("the address is longer than %d characters; use a shorter one", maxURL)
	}
	origin, err := publisher.ParseOrigin(u.Scheme + "://" + u.Host)
	if err == nil && origin.Pattern() {
		err = fmt.Errorf("%q is a pattern; a receiver has one name", shortened(address))
	}
	if err != nil {
		return authstore.Receiver{}, err
	}
	if audience == "" {
		audience = string(origin)
	}
	if err := checkAudience(audience); err != nil {
		return authstore.Receiver{}, err
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return authstore.Receiver{URL: string(origin) + path, Audience: audience}, nil
}

// shortened keeps messages readable, and what may be a secret out of them.
func shortened(address string) string {
	const most = 80
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		address = "…" + address[at:]
	}
	if path, _, more := strings.Cut(address, "?"); more {
		address = path + "?…"
	}
	if len(address) <= most {
		return address
	}
	return strings.ToValidUTF8(address[:most], "") + "…"
}

func checkAudience(s string) error {
	if len(s) > maxAudience {
		return fmt.Errorf("the audience is longer than %d characters; use a shorter one", maxAudience)
	}
	plain := func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) || strings.ContainsAny(s, "{}") {
		return fmt.Errorf("%q is no audience; write what the app expects in aud, such as https://app.example.com, without blanks and braces", shortened(s))
	}
	return nil
}

// AddReceiver adds a receiver to those of a publisher. Errors say what to write
// instead.
func AddReceiver(to []authstore.Receiver, r authstore.Receiver) ([]authstore.Receiver, error) {
	for _, other := range to {
		if other.URL == r.URL {
			return to, fmt.Errorf("%s is given twice; remove one", shortened(r.URL))
		}
	}
	if len(to) >= maxReceivers {
		return to, fmt.Errorf("only %d addresses may be given; tell one app, and let it tell the others", maxReceivers)
	}
	return append(to, r), nil
}
