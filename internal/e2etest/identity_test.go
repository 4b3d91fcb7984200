// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestProgramsAreRefusedWithoutSessionAndLetInWithTheirToken(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "program")
	fresh := s.login(t, viewer.email)

	a := s.visitor(t).send("GET", s.newsURL+"/api/me?x=1", "", "Accept: application/json", "X-Probe: stranger")
	a.says(t, 401)
	var refusal struct{ Error, LoginURL string }
	a.json(t, &refusal)
	if refusal.Error == "" || !strings.HasPrefix(refusal.LoginURL, s.newsURL+"/.usher/") || a.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("refused with %s and WWW-Authenticate %q; a program cannot tell what to do", a.body, a.header.Get("WWW-Authenticate"))
	}
	if n := len(s.news.calls("stranger")); n != 0 {
		t.Errorf("the app was called %d times for a refused request", n)
	}

	a = s.visitor(t).send("GET", s.newsURL+"/api/me?x=1", "", "Accept: application/json", bearer(fresh.JWT)).says(t, 200)
	var seen echo
	a.json(t, &seen)
	if seen.Target != "/api/me?x=1" || seen.Host != strings.TrimPrefix(s.newsURL, "http://") {
		t.Errorf("the app saw %s at %s", seen.Target, seen.Host)
	}
	checkIdentity(t, seen, viewer)
	s.visitor(t).send("GET", s.sportsURL+"/api/me", "", bearer(fresh.JWT)).says(t, 200)
}

// checkIdentity checks that the app was told who the viewer is: each fact
// once, and nothing else.
func checkIdentity(t testing.TB, e echo, viewer account) {
	t.Helper()
	told := e.told()
	want := map[string]string{
		"x-usher-customer-id": viewer.id, "x-usher-publisher-id": publisherID, "x-usher-email": viewer.email,
	}
	for name, value := range want {
		if !slices.Equal(told[name], []string{value}) {
			t.Errorf("the app was told %s = %q, want %q once", name, told[name], value)
		}
	}
	known := []string{"x-usher-consents", "x-usher-customer-id", "x-usher-email", "x-usher-publisher-id", "x-usher-session-id", "x-usher-token"}
	for name, values := range told {
		if !slices.Contains(known, name) || len(values) != 1 {
			t.Errorf("the app was told %s in %d values", name, len(values))
		}
	}
	if len(told["x-usher-token"]) != 1 || strings.Count(told["x-usher-token"][0], ".") != 2 {
		t.Errorf("the app was not given one token: %.20q", told["x-usher-token"])
	}
}

// lies are header lines with which a client tries to speak about identity, or
// to have the proxy drop what the gate says.
var lies = map[string][]string{
	"plain":                   {"X-Usher-Customer-Id: 999999999", "X-Usher-Email: root@evil.test"},
	"lower case":              {"x-usher-customer-id: 999999999"},
	"odd case":                {"x-USHER-customer-ID: 999999999"},
	"underscores":             {"X_Usher_Customer_Id: 999999999", "x_usher_token: forged"},
	"mixed":                   {"X-Usher_Customer-Id: 999999999", "X_Usher-Customer_Id: 999999998"},
	"dots":                    {"X.Usher.Customer.Id: 999999999"},
	"other characters":        {"X!Usher~Customer+Id: 999999999", "X-Usher|Customer'Id: 999999999"},
	"twice":                   {"X-Usher-Customer-Id: 999999999", "X-Usher-Customer-Id: 999999998"},
	"empty":                   {"X-Usher-Customer-Id:"},
	"a list":                  {"X-Usher-Customer-Id: 999999999, 999999998"},
	"every name":              {"X-Usher-Session-Id: a", "X-Usher-Consents: all", "X-Usher-Token: a.b.c", "X-Usher-Publisher-Id: 1"},
	"a name nobody has":       {"X-Usher-Admin: true"},
	"hop by hop":              {"Connection: X-Usher-Customer-Id"},
	"hop by hop, many":        {"Connection: keep-alive, x-usher-customer-id , X-Usher-Token", "Connection: X-Usher-Email"},
	"hop by hop, underscores": {"Connection: X_Usher_Customer_Id", "X_Usher_Customer_Id: 999999999"},
	"hop by hop and set":      {"Connection: X-Usher-Customer-Id", "X-Usher-Customer-Id: 999999999"},
	"keep-alive parameters":   {"Keep-Alive: X-Usher-Customer-Id", "Proxy-Connection: X-Usher-Customer-Id"},
	"announced trailer":       {"Trailer: X-Usher-Customer-Id", "TE: trailers"},
}

func TestNoSpellingOfAnIdentityHeaderReachesTheApp(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "identity")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/welcome", viewer.email)
	cookie := "Cookie: usher=" + v.cookies(s.newsURL)["usher"]

	proofs := map[string][]string{"nobody": nil, "by token": {bearer(viewer.JWT)}, "by cookie": {cookie}}
	paths := map[string]string{"protected": "/account", "optional": "/open/page", "public": "/assets/logo.svg"}
	for what, lines := range lies {
		for who, proof := range proofs {
			for access, path := range paths {
				t.Run(what+"/"+who+"/"+access, func(t *testing.T) {
					probe := what + "/" + who + "/" + access
					request := append([]string{"GET " + path + " HTTP/1.1", "Host: news.localhost", "X-Probe: " + probe}, lines...)
					a := s.raw(t, append(request, proof...)...)
					checkTold(t, s.news.calls(probe), a, access, proof != nil, viewer)
				})
			}
		}
	}
}

// checkTold checks what the app was told of one request, by what is to be
// known of it.
func checkTold(t *testing.T, calls []echo, a answer, access string, proven bool, viewer account) {
	t.Helper()
	if access == "protected" && !proven {
		if a.status != 401 || len(calls) != 0 {
			t.Fatalf("status %d and %d calls of the app, want 401 and none", a.status, len(calls))
		}
		return
	}
	if a.status != 200 || len(calls) != 1 {
		t.Fatalf("status %d and %d calls of the app, want 200 and one", a.status, len(calls))
	}
	if proven && access != "public" {
		checkIdentity(t, calls[0], viewer)
	} else if told := calls[0].told(); len(told) != 0 {
		t.Errorf("the app was told %v of a visitor it is to know nothing of", told)
	}
	for _, c := range calls[0].Header["Cookie"] {
		if strings.Contains(c, "usher") {
			t.Errorf("the app was sent usher's cookie %q", c)
		}
	}
}

func TestTrailersCannotBringAnIdentity(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "trailer")
	for _, name := range []string{"X-Usher-Customer-Id", "x_usher_customer_id", "X-Usher-Token"} {
		for _, announce := range []string{name, "X-Other", name + ", X-Other"} {
			probe := name + "/" + announce
			a := s.rawBytes(t, strings.Join([]string{
				"POST /account HTTP/1.1", "Host: news.localhost", "X-Probe: " + probe, bearer(viewer.JWT),
				"Trailer: " + announce, "TE: trailers", "Transfer-Encoding: chunked", "",
				"4", "body", "0", name + ": 999999999", "X-Other: 1", "", "",
			}, "\r\n"))
			if calls := s.news.calls(probe); a.status == 200 && len(calls) == 1 {
				checkIdentity(t, calls[0], viewer)
			} else if a.status != 400 || len(calls) != 0 {
				t.Errorf("trailer %s announced as %q: status %d and %d calls of the app", name, announce, a.status, len(calls))
			}
		}
	}
}

func TestCookiesOfUsherStayAtTheGate(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "cookies")
	tests := map[string]struct{ sent, want []string }{
		"between others": {[]string{"a=1; usher=x; b=2"}, []string{"a=1; b=2"}},
		"alone":          {[]string{"usher=x"}, nil},
		"every name":     {[]string{"usher=x; usher-tx-abcdefgh=y; usher-no=1; usher-hub=z; __Host-usher=q; __Host-usher-hub=r; a=1"}, []string{"a=1"}},
		"two lines":      {[]string{"a=1; usher=x", "usher=y; b=2"}, []string{"a=1; b=2"}},
		"no space":       {[]string{"a=1;usher=x;b=2"}, []string{"a=1; b=2"}},
		"in a value":     {[]string{"a=usher; b=2"}, []string{"a=usher; b=2"}},
		"of the app":     {[]string{"ushers=1; b=2"}, []string{"ushers=1; b=2"}},
	}
	for what, tt := range tests {
		for _, path := range []string{"/account", "/open/x", "/assets/x"} {
			probe := what + path
			lines := []string{"GET " + path + " HTTP/1.1", "Host: news.localhost", "X-Probe: " + probe, bearer(viewer.JWT)}
			for _, c := range tt.sent {
				lines = append(lines, "Cookie: "+c)
			}
			s.raw(t, lines...).says(t, 200)
			if got := s.news.calls(probe)[0].Header["Cookie"]; !slices.Equal(got, tt.want) {
				t.Errorf("%s on %s: the app was sent cookies %q, want %q", what, path, got, tt.want)
			}
		}
	}
}

// smuggled holds a second request inside what looks like one. A server that
// counts the first one's body differently from us would answer it.
const smuggled = "GET /assets/smuggled HTTP/1.1\r\nHost: news.localhost\r\nX-Probe: smuggled\r\nX-Usher-Customer-Id: 999999999\r\n\r\n"

func TestNoRequestHidesInsideAnother(t *testing.T) {
	t.Parallel()
	s := start(t, standard)
	viewer := s.register(t, "smuggler")
	head := "POST /account HTTP/1.1\r\nHost: news.localhost\r\n" + bearer(viewer.JWT) + "\r\n"
	chunked := "0\r\n\r\n" + smuggled
	tests := map[string]string{
		"both lengths":           head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n", len(chunked)) + chunked,
		"two lengths":            head + "Content-Length: 0\r\nContent-Length: " + fmt.Sprint(len(smuggled)) + "\r\n\r\n" + smuggled,
		"signed length":          head + "Content-Length: +0\r\n\r\n" + smuggled,
		"unknown encoding":       head + "Transfer-Encoding: xchunked\r\n\r\n" + smuggled,
		"two encodings":          head + "Transfer-Encoding: chunked, identity\r\n\r\n" + chunked,
		"space before the colon": head + "Transfer-Encoding : chunked\r\n\r\n" + chunked,
		"folded line":            head + "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n" + smuggled,
		"bare line feed":         head + "X-A: b\nX-Usher-Customer-Id: 999999999\r\n\r\n",
		"header in a value":      head + "X-A: b\rX-Usher-Customer-Id: 999999999\r\n\r\n",
		"two hosts":              "GET /account HTTP/1.1\r\nHost: news.localhost\r\nHost: evil.test\r\n\r\n",
	}
	for what, text := range tests {
		t.Run(what, func(t *testing.T) {
			s.rawBytes(t, text)
			for _, e := range s.news.all() {
				if lie := e.told()["x-usher-customer-id"]; e.Header.Get(probeHeader) == "smuggled" && len(lie) > 0 || slices.Contains(lie, "999999999") {
					b, _ := json.Marshal(e)
					t.Errorf("the app was told a lie: %s", b)
				}
			}
		})
	}
}

// TestTheAppIsToldTheSameByCookieAndToken pins that front ends may change from
// one to the other.
func TestTheAppIsToldTheSameByCookieAndToken(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "same")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/welcome", viewer.email)
	var byCookie, byToken echo
	v.fetch(s.newsURL+"/account").says(t, 200).json(t, &byCookie)
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 200).json(t, &byToken)
	checkIdentity(t, byCookie, viewer)
	checkIdentity(t, byToken, viewer)
	cookie, bearer := slices.Sorted(maps.Keys(byCookie.told())), slices.Sorted(maps.Keys(byToken.told()))
	if !slices.Equal(cookie, bearer) {
		t.Errorf("the app is told %v by cookie and %v by token", cookie, bearer)
	}
}
