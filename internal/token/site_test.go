// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/token"
)

// siteWorld makes site tokens under a fake clock.
type siteWorld struct {
	*token.SiteTokens
	clock *authstoretest.Clock
	root  secret.Root
}

func newSiteWorld() *siteWorld {
	w := &siteWorld{clock: authstoretest.NewClock(), root: secret.NewRoot()}
	w.SiteTokens = token.NewSiteTokens(w.root, w.clock.Now)
	return w
}

const sessionID = "0123456789abcdefghijkl"

func (w *siteWorld) claims() token.Claims {
	now := time.Unix(w.clock.Now().Unix(), 0)
	return token.Claims{
		SessionID: sessionID, CustomerID: 123_456_789, PublisherID: 100_000_001, OfferID: "S1_US", Audience: site,
		Email: "ann@example.com", Consents: []string{"terms", "marketing"}, Stamp: "stamp", EmailVerified: true, Captured: true,
		IssuedAt: now, Expires: now.Add(15 * time.Minute), SignedInAt: now.Add(-time.Hour),
	}
}

func TestSiteTokenTellsWhatItWasMadeOf(t *testing.T) {
	w := newSiteWorld()
	for name, change := range map[string]func(*token.Claims){
		"all":            func(*token.Claims) {},
		"not verified":   func(c *token.Claims) { c.EmailVerified = false },
		"not captured":   func(c *token.Claims) { c.Captured = false },
		"neither":        func(c *token.Claims) { c.EmailVerified, c.Captured = false, false },
		"no consents":    func(c *token.Claims) { c.Consents = nil },
		"many consents":  func(c *token.Claims) { c.Consents = strings.Fields(strings.Repeat("terms ", 30)) },
		"no texts":       func(c *token.Claims) { c.OfferID, c.Email, c.Stamp = "", "", "" },
		"empty consent":  func(c *token.Claims) { c.Consents = []string{""} },
		"largest ids":    func(c *token.Claims) { c.CustomerID, c.PublisherID = 1<<63-1, 999_999_999 },
		"before 1970":    func(c *token.Claims) { c.SignedInAt = time.Unix(-1, 0) },
		"long address":   func(c *token.Claims) { c.Email = strings.Repeat("ä", 120) + "@example.com" },
		"odd characters": func(c *token.Claims) { c.Email = "\x00~;, \"" },
	} {
		want := w.claims()
		change(&want)
		raw := w.Make(want)
		got, err := w.Judge(raw, site, sessionID)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
		if strings.ContainsAny(raw, "~;, \"\\") {
			t.Errorf("%s: %q cannot be part of a cookie", name, raw)
		}
	}
	if n := len(w.Make(w.claims())); n > 150 {
		t.Errorf("%d characters for a usual token, want 150 at most", n)
	}
}

func TestSiteTokenIsGoodForItsSiteAndSession(t *testing.T) {
	w := newSiteWorld()
	raw := w.Make(w.claims())
	body, mark, _ := strings.Cut(raw, ".")
	other := w.claims()
	other.CustomerID++
	otherBody, otherMark, _ := strings.Cut(w.Make(other), ".")
	foreign := token.NewSiteTokens(secret.NewRoot(), w.clock.Now).Make(w.claims())
	for name, tt := range map[string]struct{ raw, site, session string }{
		"another site":           {raw, "https://sports.example", sessionID},
		"no site":                {raw, "", sessionID},
		"another session":        {raw, site, "another"},
		"no session":             {raw, site, ""},
		"blank moved":            {raw, site + " " + sessionID, ""},
		"another customer's":     {otherBody + "." + mark, site, sessionID},
		"another's mark":         {body + "." + otherMark, site, sessionID},
		"another installation's": {foreign, site, sessionID},
		"empty":                  {"", site, sessionID},
		"a dot":                  {".", site, sessionID},
		"no mark":                {body + ".", site, sessionID},
		"no dot":                 {body + mark, site, sessionID},
		"no body":                {"." + mark, site, sessionID},
		"cut short":              {raw[:len(raw)-1], site, sessionID},
		"body cut short":         {body[:len(body)-1] + "." + mark, site, sessionID},
		"padded":                 {body + "=." + mark, site, sessionID},
		"longer":                 {raw + "A", site, sessionID},
		"line break":             {body + "\n." + mark, site, sessionID},
		"twice":                  {raw + "." + raw, site, sessionID},
		"huge":                   {strings.Repeat("A", 1<<20) + "." + mark, site, sessionID},
	} {
		if c, err := w.Judge(tt.raw, tt.site, tt.session); !errors.Is(err, token.ErrInvalid) || !reflect.DeepEqual(c, token.Claims{}) {
			t.Errorf("%s: %+v, %v; want ErrInvalid", name, c, err)
		}
	}
}

func TestSiteTokenDiesAtItsTime(t *testing.T) {
	w := newSiteWorld()
	raw := w.Make(w.claims())
	w.clock.Add(w.claims().Expires.Sub(w.clock.Now()) - time.Millisecond)
	if _, err := w.Judge(raw, site, sessionID); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	w.clock.Add(time.Millisecond)
	c, err := w.Judge(raw, site, sessionID)
	if !errors.Is(err, token.ErrExpired) || c.CustomerID != 123_456_789 {
		t.Errorf("at its time: %+v, %v; want ErrExpired", c, err)
	}
}

// What is marked was written by us, but a bug of ours must not become a way in.
func TestMarkedNonsenseIsNoSiteToken(t *testing.T) {
	w := newSiteWorld()
	mark := secret.NewMarker(w.root, "site token")
	for name, b := range map[string][]byte{
		"nothing": {}, "version alone": {1}, "another version": append([]byte{2}, make([]byte, 20)...),
		"endless number":            {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"text longer than there is": {1, 1, 1, 2, 2, 2, 0, 0, 200, 'a'},
		"enormous text":             {1, 1, 1, 2, 2, 2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"no texts":                  {1, 1, 1, 2, 2, 2, 0},
	} {
		body := secret.Encoding.EncodeToString(b)
		raw := body + "." + mark.Mark(site+" "+sessionID+" "+body)
		if c, err := w.Judge(raw, site, sessionID); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %+v, %v; want ErrInvalid", name, c, err)
		}
	}
}

// Nothing but what Make wrote is accepted, marked or not, and nothing panics.
func FuzzSiteToken(f *testing.F) {
	w := newSiteWorld()
	raw := w.Make(w.claims())
	mark := secret.NewMarker(w.root, "site token")
	body, _, _ := strings.Cut(raw, ".")
	bytes, err := secret.Encoding.DecodeString(body)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := w.Judge(string(b), site, sessionID); string(b) != raw && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q: %v, want ErrInvalid", b, err)
		}
		body := secret.Encoding.EncodeToString(b)
		c, err := w.Judge(body+"."+mark.Mark(site+" "+sessionID+" "+body), site, sessionID)
		if err == nil && c.Expires.Before(w.clock.Now()) {
			t.Errorf("%q: good until %v", b, c.Expires)
		}
	})
}

func BenchmarkSiteToken(b *testing.B) {
	w := newSiteWorld()
	raw := w.Make(w.claims())
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.Make(w.claims())
		}
	})
	b.Run("judge", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Judge(raw, site, sessionID); err != nil {
				b.Fatal(err)
			}
		}
	})
}
