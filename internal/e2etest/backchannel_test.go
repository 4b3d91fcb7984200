// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// receiver is an app that is told of ended sessions by back channel.
type receiver struct {
	*httptest.Server
	tokens chan string // as they came
}

// startReceiver starts an app that answers with a status.
func startReceiver(t testing.TB, status int) *receiver {
	t.Helper()
	r := &receiver{tokens: make(chan string, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Method != "POST" || q.URL.Path != "/logout" || q.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("the app was sent %s %s %v", q.Method, q.URL, q.Header)
		}
		token := q.PostFormValue("logout_token")
		w.WriteHeader(status)
		r.tokens <- token
	}))
	t.Cleanup(r.Close)
	return r
}

// next returns the next token that the app is sent.
func (r *receiver) next(t testing.TB) string {
	t.Helper()
	select {
	case token := <-r.tokens:
		return token
	case <-time.After(startTime):
		t.Fatal("the app is not told")
		return ""
	}
}

// ended is what a logout token says.
type ended struct {
	Iss, Sub, Aud, Jti, Sid string
	Iat, Exp                int64
	Events                  map[string]map[string]any
}

// readEnd verifies a logout token with the hub's published keys, as apps do.
func (s *server) readEnd(t testing.TB, token, audience string) ended {
	t.Helper()
	f := newForge(t, s, token)
	public, err := x509.ParsePKIXPublicKey(f.public)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndexByte(token, '.')
	signature, err := b64.DecodeString(token[cut+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes, %v", len(signature), err)
	}
	sum := sha256.Sum256([]byte(token[:cut]))
	if !ecdsa.Verify(public.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the published key does not verify the token")
	}
	var e ended
	if err := json.Unmarshal([]byte(jsonText(t, f.claims)), &e); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	_, event := e.Events["http://schemas.openid.net/event/backchannel-logout"]
	_, nonce := f.claims["nonce"]
	if f.header["typ"] != "logout+jwt" || e.Iss != s.hub || e.Aud != audience || e.Jti == "" || e.Iat > now || e.Iat < now-60 || e.Exp != e.Iat+120 || !event || nonce {
		t.Errorf("header %v, claims %v", f.header, f.claims)
	}
	return e
}

// TestAppsHearOfASignOut: a viewer signs out at one site; an app is told of the
// session that its requests came with, by a token that serves for nothing else.
func TestAppsHearOfASignOut(t *testing.T) {
	t.Parallel()
	told, refusing := startReceiver(t, 200), startReceiver(t, 400)
	s := start(t, edit(t, standard, `name "Example Media"`, `name "Example Media"
			backchannel_logout `+told.URL+`/logout
			backchannel_logout `+refusing.URL+`/logout {{.News}}`))
	viewer := s.register(t, "leaver")
	v := s.visitor(t)
	v.signIn(s.newsURL+"/first", viewer.email)
	v.visit(s.sportsURL + "/second")
	seen := append(s.news.at("/first"), s.sports.at("/second")...)
	if len(seen) != 2 {
		t.Fatalf("the apps saw %v", seen)
	}
	v.submit(s.newsURL+"/.usher/logout", nil).says(t, 303)
	e := s.readEnd(t, told.next(t), told.URL)
	for _, request := range seen {
		if sid := request.Header.Get("X-Usher-Session-Id"); sid == "" || e.Sid != sid || e.Sub != request.Header.Get("X-Usher-Customer-Id") {
			t.Errorf("told of session %q of %s, the app saw %v", e.Sid, e.Sub, request.Header)
		}
	}
	for _, site := range []string{s.newsURL, s.sportsURL} {
		if v.signedIn(site) {
			t.Errorf("%s lets the viewer in", site)
		}
	}

	// The token of the other app names the site, and is worth nothing there.
	stolen := refusing.next(t)
	other := s.readEnd(t, stolen, s.newsURL)
	if other.Sid != e.Sid || other.Jti == e.Jti {
		t.Errorf("the other app was told %+v, this one %+v", other, e)
	}
	for _, at := range []string{s.newsURL + "/account", s.sportsURL + "/account", s.hub + "/customers/" + e.Sub} {
		s.visitor(t).fetch(at, bearer(stolen)).says(t, 401)
	}
	thief := s.visitor(t)
	thief.keep(s.newsURL, map[string]string{"usher": stolen})
	if thief.signedIn(s.newsURL) {
		t.Error("a logout token serves as a cookie")
	}

	// A refusal is final, and logged without the token.
	host := strings.TrimPrefix(refusing.URL, "http://")
	waitUntil(t, "the log", func() bool { return strings.Contains(s.logged(), "to "+host) })
	line := ""
	for l := range strings.Lines(s.logged()) {
		if strings.Contains(l, "to "+host) {
			line = l
		}
	}
	if !strings.Contains(line, `"level":"error"`) || !strings.Contains(line, "status 400") || strings.Contains(s.logged(), strings.Split(stolen, ".")[2]) {
		t.Errorf("logged %s", line)
	}
	s.visitor(t).send("GET", s.hub+"/.well-known/jwks.json", "").says(t, 200)
	if n := len(told.tokens) + len(refusing.tokens); n != 0 {
		t.Errorf("the apps were told %d times more", n)
	}
}

// TestAppsHearOfEveryEnd: whatever ends a customer's sessions, an app is told of
// each of them, once.
func TestAppsHearOfEveryEnd(t *testing.T) {
	t.Parallel()
	told := startReceiver(t, 204)
	s := start(t, edit(t, withConsents, `name "Example Media"`, "name \"Example Media\"\n\t\t\tapi_token "+apiToken+
		"\n\t\t\tbackchannel_logout "+told.URL+"/logout radio"))
	for what, end := range endings {
		t.Run(what, func(t *testing.T) {
			email := strings.ReplaceAll(what, " ", "-") + "@viewer.test"
			v := s.visitor(t)
			v.signUp(s.newsURL+"/", email, accepted...)
			app := s.login(t, email)
			want := []string{v.session(t), app.session(t)}
			end(t, s, email, app).says(t, 200)
			got := []string{s.readEnd(t, told.next(t), "radio").Sid, s.readEnd(t, told.next(t), "radio").Sid}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("told of %q, want %q", got, want)
			}
		})
	}
	t.Run("refresh token used twice", func(t *testing.T) {
		app := s.login(t, s.newAccount(t, "twice"))
		next := granted(t, s.refresh(t, app.RefreshToken))
		granted(t, s.refresh(t, next.RefreshToken)) // so that the first is beyond its grace
		s.refresh(t, app.RefreshToken)
		if e := s.readEnd(t, told.next(t), "radio"); e.Sid != app.session(t) {
			t.Errorf("told of %q, want %q", e.Sid, app.session(t))
		}
	})
	if n := len(told.tokens); n != 0 {
		t.Errorf("the app was told %d times more", n)
	}
}

// newAccount makes an account on the pages and returns its address.
func (s *server) newAccount(t testing.TB, name string) string {
	t.Helper()
	email := name + "@viewer.test"
	s.visitor(t).signUp(s.newsURL+"/", email, accepted...)
	return email
}

// session returns the session that a site's app is told of.
func (v *visitor) session(t testing.TB) string {
	t.Helper()
	var e echo
	v.fetch(v.s.newsURL+"/account").says(t, 200).json(t, &e)
	return e.Header.Get("X-Usher-Session-Id")
}

// session returns the session that a token is of.
func (of tokens) session(t testing.TB) string {
	t.Helper()
	b, err := b64.DecodeString(strings.Split(of.JWT, ".")[1])
	var claims struct{ Sid string }
	if err == nil {
		err = json.Unmarshal(b, &claims)
	}
	if err != nil || claims.Sid == "" {
		t.Fatalf("token %s: %v", of.JWT, err)
	}
	return claims.Sid
}
