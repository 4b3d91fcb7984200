// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
)

// wish is an app's request.
func wish(redirect, verifier string, more ...string) string {
	q := url.Values{
		"redirect_uri": {redirect}, "state": {"of the app"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "/social/authorize?" + q.Encode()
}

const verifier = "a-verifier-that-is-long-enough-for-everybody-0"

func TestAppGetsACodeForWhoHasSignedIn(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p := w.viewer("a browser")
	p.open(wish("com.example.app:/signed-in", verifier, "provider", "google"))
	p.signsIn(t, p.to, "anna")
	to := mustURL(t, p.open(p.to).Header().Get("Location"))
	if to.Scheme != "com.example.app" || to.Query().Get("state") != "of the app" {
		t.Fatalf("to %s", to)
	}
	nordlys := configs["social"][0]
	e, err := w.social.RedeemApp(w.ctx, nordlys, to.Query().Get("code"), verifier, "com.example.app:/signed-in", customer.Arrival{Start: session.ByAPI})
	if err != nil || e.Customer.Email != "anna@example.com" {
		t.Errorf("%+v, %v", e.Customer, err)
	}
}

// The question of an app that is not the one it says is seen by the viewer: a sealed
// request that somebody else has got opens nothing by itself.
func TestAppIsNotGivenASessionBehindTheViewersBack(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social")
	p, other := w.viewer("a browser"), w.viewer("somebody else's")
	p.signsIn(t, "/login/google", "anna")
	other.open(wish("com.example.app:/signed-in", verifier))
	sealed := other.to
	a := p.open(sealed)
	if a.Code != http.StatusOK || !strings.Contains(a.Body.String(), "Continue to the app?") {
		t.Fatalf("status %d to %s", a.Code, a.Header().Get("Location"))
	}
	if policy := a.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' com.example.app:;") {
		t.Errorf("the form cannot lead to the app: %s", policy)
	}
	r := p.asking("POST", hub+sealed, url.Values{})
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if a := p.do(r); a.Code != http.StatusForbidden {
		t.Errorf("from another site: status %d to %s", a.Code, a.Header().Get("Location"))
	}
	// An address that nobody but the publisher has is led to at once.
	p.open(wish("https://news.example.com/app", verifier))
	if to := p.open(p.to).Header().Get("Location"); !strings.HasPrefix(to, "https://news.example.com/app?code=") {
		t.Errorf("to %s", to)
	}
}

// Whatever an app asks for, nobody is led to an address that the publisher does not
// allow, and the request of one publisher is none of another's.
func TestAppsLeadToAllowedAddressesOnly(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social two")
	for _, redirect := range []string{
		"https://evil.example/", "https://news.example.com.evil.example/", "https://news.example.com@evil.example/", "//evil.example/", "/account",
		"javascript:alert(1)", "data:text/html,x", "com.example.app:/other", "com.example.other:/signed-in", "https://app.example.com/cb/../x",
		"https://south.example/", "",
	} {
		p := w.viewer(redirect)
		for _, more := range [][]string{{}, {"code_challenge", "none"}, {"provider", "nowhere"}, {"redirect_uri", redirect}} {
			if a := p.open(wish(redirect, verifier, append([]string{"publisherId", "100000001"}, more...)...)); a.Code != http.StatusBadRequest || a.Header().Get("Location") != "" {
				t.Errorf("%q, %v: status %d to %s", redirect, more, a.Code, a.Header().Get("Location"))
			}
		}
	}
	p := w.viewer("a browser")
	p.open(wish("com.example.app:/signed-in", verifier, "publisherId", "100000001"))
	q := mustURL(t, p.to).Query()
	q.Set("publisher", "100000002")
	if a := p.open("/social/authorize?" + q.Encode()); a.Code != http.StatusBadRequest {
		t.Errorf("at another publisher: status %d to %s", a.Code, a.Header().Get("Location"))
	}
	twice := wish("https://news.example.com/app", verifier, "publisherId", "100000001") + "&redirect_uri=https%3A%2F%2Fevil.example%2F"
	if a := p.open(twice); a.Code != http.StatusBadRequest {
		t.Errorf("two addresses: status %d to %s", a.Code, a.Header().Get("Location"))
	}
}

func TestDeletionPageTellsWhatWasDone(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social two") // it needs no publisher
	p := w.viewer("a browser")
	p.signsIn(t, "/login/facebook?publisher=100000002", "eve")
	code, err := w.social.Delete(w.ctx, w.internet.SignedRequest(clientID, people["eve"]))
	must(t, err)
	a := w.viewer("another").open("/deletion/" + code)
	headersOfEveryAnswer(t, a)
	if body := a.Body.String(); a.Code != http.StatusOK || !strings.Contains(body, "March 1, 2026") || !strings.Contains(body, "An account was deleted") || strings.Contains(body, "eve") {
		t.Errorf("status %d: %s", a.Code, body)
	}
	if a := p.open("/deletion/" + code + "?ui_locales=de"); !strings.Contains(a.Body.String(), "Ihre Daten sind gelöscht") {
		t.Errorf("in German: %s", a.Body)
	}
	if got := p.in(t, "publisher=100000002"); got != nobodyIsIn {
		t.Error(got)
	}
	for _, code := range []string{"made-up", "%00", code + "x", strings.Repeat("a", 5000)} {
		if a := p.open("/deletion/" + code); a.Code != http.StatusNotFound {
			t.Errorf("%.20q: status %d", code, a.Code)
		}
	}
}

// Without providers there is nothing of signing in elsewhere.
func TestHubWithoutProvidersHasNoSuchPages(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	p := w.viewer("a browser")
	p.send("/register", "email", "anna@example.com", "password", password)
	for _, at := range []string{"/login/google", "/login/google/callback?code=x", "/join", "/social/authorize", "/deletion/x", "/account/signin"} {
		if a := p.open(at); a.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", at, a.Code)
		}
	}
	for _, at := range []string{"/login", "/register", "/account", "/account/email"} {
		if body := p.open(at).Body.String(); strings.Contains(body, "/login/") || strings.Contains(body, "/account/signin") {
			t.Errorf("%s: %s", at, body)
		}
	}
	w.configure(t, "social two")
	if a := p.open("/account/signin?publisher=100000001"); a.Code != http.StatusOK {
		t.Errorf("with providers: status %d", a.Code)
	}
}

// A publisher without providers beside one that has some leads from the page of ways to
// the account.
func TestPublisherWithoutProvidersHasNoPageOfWays(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "social one of two")
	p := w.viewer("a browser")
	p.send("/register?publisher=100000002", "email", "anna@example.com", "password", password)
	if to := p.open("/account/signin?publisher=100000002").Header().Get("Location"); to != "/account?publisher=100000002" {
		t.Errorf("to %s", to)
	}
	if body := p.open("/account?publisher=100000002").Body.String(); strings.Contains(body, "/account/signin") {
		t.Error(body)
	}
}
