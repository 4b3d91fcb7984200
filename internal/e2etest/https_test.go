// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"bytes"
	"crypto/tls"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// real names are of different domains, and are reached by https only.
var real = hosts{"https", "id.media.test", "news.media.test", "sports.example"}

// secured is the standard Caddyfile with certificates of Caddy's own.
func secured() string {
	return strings.NewReplacer("\n{{.Hub}} {", "\n{{.Hub}} {\n\ttls internal", "\n{{.News}} {", "\n{{.News}} {\n\ttls internal",
		"\n{{.Sports}} {", "\n{{.Sports}} {\n\ttls internal").Replace(standard)
}

func TestSignInWorksOverHTTP2ForTwoDomains(t *testing.T) {
	t.Parallel()
	s := borrowAt(t, real, secured())
	viewer := s.register(t, "secure")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/live?x=1", viewer.email)
	hops := v.visit(s.sportsURL + "/table?y=2")
	if len(hops) != 4 || hops[3].status != 200 || hops[3].at.String() != s.sportsURL+"/table?y=2" {
		t.Errorf("the second site took %v", places(hops))
	}
	for _, hop := range hops {
		if hop.proto != "HTTP/2.0" {
			t.Errorf("%s was answered by %s", hop.at, hop.proto)
		}
	}
	var seen echo
	v.fetch(s.sportsURL+"/account").says(t, 200).json(t, &seen)
	checkIdentity(t, seen, viewer)
	before := v.twin()
	v.submit(s.newsURL+"/.usher/logout", nil).says(t, 303)
	if before.signedIn(s.newsURL) || before.signedIn(s.sportsURL) || before.knows() {
		t.Error("signed in after the sign-out")
	}
}

// checkCookies checks that each cookie of an answer has what keeps it private.
func checkCookies(t *testing.T, a answer, want ...string) {
	t.Helper()
	var names []string
	for _, line := range a.header.Values("Set-Cookie") {
		parts := strings.Split(strings.ToLower(line), "; ")
		name, _, _ := strings.Cut(line, "=")
		names = append(names, name)
		for _, attribute := range []string{"secure", "httponly", "samesite=lax", "path=/"} {
			if !slices.Contains(parts, attribute) {
				t.Errorf("%s sets %s without %s: %s", a.at, name, attribute, line)
			}
		}
		if strings.Contains(strings.ToLower(line), "domain=") || !strings.HasPrefix(line, "__Host-usher") {
			t.Errorf("%s sets %s", a.at, line)
		}
	}
	for _, prefix := range want {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, prefix) }) {
			t.Errorf("%s sets %q, want one that begins with %s", a.at, names, prefix)
		}
	}
}

func TestCookiesOverHTTPSBelongToOneHostAndNoScript(t *testing.T) {
	t.Parallel()
	s := borrowAt(t, real, secured())
	viewer := s.register(t, "cookies")
	v := s.visitor(t)
	ask := v.open(s.newsURL+"/").says(t, 302)
	checkCookies(t, ask, "__Host-usher-tx-")
	form := v.follow(v.open(ask.to()))
	in := v.fill(form[len(form)-1], "email", viewer.email, "password", password).says(t, 303)
	checkCookies(t, in, "__Host-usher-hub")
	grant := v.open(in.to()).says(t, 302)
	end := v.open(grant.to()).says(t, 303)
	checkCookies(t, end, "__Host-usher", "__Host-usher-tx-")
	checkCookies(t, v.submit(s.newsURL+"/.usher/logout", nil).says(t, 303), "__Host-usher")
	checkCookies(t, v.fill(v.open(s.hub+"/logout").says(t, 200)).says(t, 303), "__Host-usher-hub")

	// Names without the prefix, which any host of the domain could set, are nobody's.
	w := s.visitor(t)
	w.signIn(s.newsURL+"/", viewer.email)
	thief := s.visitor(t)
	thief.keep(s.newsURL, map[string]string{"usher": w.cookies(s.newsURL)["__Host-usher"]})
	thief.keep(s.hub, map[string]string{"usher-hub": w.cookies(s.hub)["__Host-usher-hub"]})
	if thief.signedIn(s.newsURL) || thief.knows() {
		t.Error("a cookie without the prefix signs in")
	}
}

// TestHostAndAuthorityDoNotDisagree sends HTTP/2 requests that name two hosts,
// which no client library does.
func TestHostAndAuthorityDoNotDisagree(t *testing.T) {
	t.Parallel()
	s := startAt(t, real, secured())
	viewer := s.register(t, "authority")
	tests := map[string][]string{
		"another host":           {":authority", "news.media.test", "host", "evil.test"},
		"another site":           {":authority", "news.media.test", "host", "sports.example"},
		"an open site":           {":authority", "evil.test", "host", "news.media.test"},
		"two hosts":              {":authority", "news.media.test", "host", "evil.test", "host", "news.media.test"},
		"an identity in capital": {":authority", "news.media.test", "X-Usher-Customer-Id", "999999999"},
		"an identity":            {":authority", "news.media.test", "x-usher-customer-id", "999999999", "x_usher_customer_id", "999999998"},
		"a connection header":    {":authority", "news.media.test", "connection", "x-usher-customer-id"},
	}
	for what, fields := range tests {
		status := s.http2(t, append([]string{":method", "GET", ":scheme", "https", ":path", "/account"},
			append(fields, "x-probe", what, "authorization", "Bearer "+viewer.JWT)...)...)
		for _, e := range append(s.news.calls(what), s.sports.calls(what)...) {
			checkIdentity(t, e, viewer)
			if strings.Contains(e.Host, "evil") || strings.Contains(strings.Join(e.Header["Host"], ""), "evil") {
				t.Errorf("%s: status %d, the app was asked for %q with %q", what, status, e.Host, e.Header["Host"])
			}
		}
		if n := len(s.sports.calls(what)); n > 0 {
			t.Errorf("%s: the other site's app was called", what)
		}
	}
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 200)
}

// http2 sends one request with fields as they are and returns the status, or 0
// when the server refuses to answer it.
func (s *server) http2(t testing.TB, fields ...string) int {
	t.Helper()
	conn, err := tls.DialWithDialer(s.dialer(), "tcp", "127.0.0.1:"+s.port, &tls.Config{RootCAs: s.roots(), ServerName: s.hosts.news, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(rawTime))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for i := 0; i < len(fields); i += 2 {
		encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	framer.WriteSettings()
	framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true})
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return 0
		}
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				framer.WriteSettingsAck()
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return 0
		case *http2.MetaHeadersFrame:
			status, err := strconv.Atoi(f.PseudoValue("status"))
			if err != nil {
				t.Fatal(err)
			}
			return status
		}
	}
}
