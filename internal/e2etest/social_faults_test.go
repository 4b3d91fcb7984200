// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/internal/socialtest"
)

func TestViewersFindOtherWaysInThanAProviderThatFails(t *testing.T) {
	j := setOutElsewhere(t, brand, "sent")
	j.part("because they cancel there", func(t *testing.T, w *walk) {
		asked := w.s.newsURL + "/live?match=1"
		w.account("cancels")
		for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Apple} {
			w.open(asked)
			w.agreesNot(p)
			w.wantsPage("/login")
			w.notices("The sign-in there was not finished.")
		}
		w.look("login-cancelled")
		w.fill("email", w.email("cancels"), "password", password)
		w.send()
		w.isIn(asked, w.email("cancels"))
	})
	j.part("because it is down", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		asked := w.s.newsURL + "/live?match=2"
		j.internet.Break(socialtest.Facebook, socialtest.Failing)
		defer j.internet.Mend(socialtest.Facebook)
		w.forgive("status of 502")
		w.open(asked)
		if status := w.agrees(socialtest.Facebook, w.person("outage")); status != 502 {
			t.Errorf("status %d\n%s", status, w.shows())
		}
		w.says("This way is closed for the moment")
		w.look("error-elsewhere-down")
		w.agrees(socialtest.Google, w.person("outage"))
		w.isIn(asked, w.person("outage").Email)
	})
	j.part("who hear from Facebook what was deleted", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna := w.person("forgotten")
		w.open(w.s.newsURL + "/live")
		w.agrees(socialtest.Facebook, anna)
		w.isIn(w.s.newsURL+"/live", anna.Email)
		form := url.Values{"signed_request": {j.internet.SignedRequest("ours", anna)}}.Encode()
		var told struct{ URL string }
		w.s.visitor(t).send("POST", w.s.hub+"/login/facebook/deletion", form, "Content-Type: application/x-www-form-urlencoded").says(t, 200).json(t, &told)
		w.open(told.URL)
		w.look("deletion")
		w.open(w.s.newsURL + "/live")
		w.wantsPage("/login")
	})

	const corporate = "label \"Example account\""
	automatic := strings.Replace(providers, corporate, corporate+"\n\t\t\t\tautomatic", 1)
	j.changes(j.settings.Replace(wanting(automatic)))
	j.part("and where they are sent on, until they sign out", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna := w.person("sent")
		asked, second := w.s.newsURL+"/live?match=3", w.s.sportsURL+"/table?league=3"
		w.open(asked)
		w.authenticates(anna)
		w.isIn(asked, anna.Email)
		w.open(second)
		w.isIn(second, anna.Email)
		w.click("form button")
		w.wantsPage("/signed-out")
		w.open(asked)
		w.wantsPage("/login")
		w.has(way("corporate"), 1)
		w.click(way("corporate"))
		w.authenticates(anna)
		w.isIn(asked, anna.Email)
	})
	j.changes(j.settings.Replace(wanting(strings.Replace(providers, "client_secret of-google", "client_secret of-google\n\t\t\t\tautomatic", 1))))
	j.part("and where they are sent on, and cancel", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		asked := w.s.newsURL + "/live?match=4"
		w.open(asked)
		w.wantsHost(socialtest.Google)
		w.click(socialtest.Button(socialtest.Person{}))
		w.wantsPage("/login")
		w.notices("The sign-in there was not finished.")
		w.agrees(socialtest.Twitch, w.person("stays"))
		w.isIn(asked, w.email("stays"))
	})
}

// agreesNot goes to a provider and cancels there.
func (w *walk) agreesNot(p socialtest.Provider) {
	w.t.Helper()
	w.goesTo(p)
	w.click(socialtest.Button(socialtest.Person{}))
}

func TestViewersSignAnAppInByTheBrowser(t *testing.T) {
	j := setOutElsewhere(t, terms+brand)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { servePage(w, "<title>You can close this page</title>") }))
	t.Cleanup(app.Close)
	redirect := app.URL + "/signed-in"
	verifier := oauth2.GenerateVerifier()
	// wants is what the app has the browser open.
	wants := func(w *walk, by ...string) string {
		q := url.Values{
			"publisherId": {publisherID}, "redirect_uri": {redirect}, "state": {"the app's"},
			"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
		}
		if len(by) > 0 {
			q.Set("provider", by[0])
		}
		return w.s.hub + "/social/authorize?" + q.Encode()
	}
	// isSignedIn has the app do what it does when the browser comes back.
	isSignedIn := func(w *walk, email string) {
		w.t.Helper()
		back, err := url.Parse(w.at())
		if err != nil || !strings.HasPrefix(w.at(), redirect+"?") || back.Query().Get("state") != "the app's" || back.Query().Get("iss") != w.s.hub {
			w.t.Fatalf("the browser is at %s, not at the app's\n%s", w.at(), w.shows())
		}
		code := map[string]string{"publisherId": publisherID, "code": back.Query().Get("code"), "codeVerifier": verifier, "redirectUri": redirect}
		pair := granted(w.t, w.s.post(w.t, "/social/tokens", code))
		var seen echo
		w.s.visitor(w.t).send("GET", w.s.newsURL+"/api/me", "", "Accept: application/json", bearer(pair.JWT)).says(w.t, 200).json(w.t, &seen)
		checkIdentity(w.t, seen, account{id: json.Number(seen.Header.Get("X-Usher-Customer-Id")).String(), email: email})
		if status := w.s.refresh(w.t, pair.RefreshToken).status; status != 200 {
			w.t.Errorf("the app's refresh token: status %d", status)
		}
		if status := w.s.post(w.t, "/social/tokens", code).status; status == 200 {
			w.t.Error("a code is good twice")
		}
	}
	j.part("by a provider that the app names", func(t *testing.T, w *walk) {
		anna := w.person("app")
		j.internet.Add(socialtest.Google, anna)
		w.open(wants(w, "google"))
		w.wantsHost(socialtest.Google)
		w.click(socialtest.Button(anna))
		w.wantsPage("/join")
		w.tick("consent-0")
		w.send()
		isSignedIn(w, anna.Email)

		// The browser is signed in by now, and any app might ask.
		w.open(wants(w))
		w.wantsPage("/social/authorize")
		w.look("app")
		w.send()
		isSignedIn(w, anna.Email)
	})
	j.part("by the hub's page", func(t *testing.T, w *walk) {
		w = w.onAnotherDevice()
		anna := w.person("chooses")
		w.open(wants(w))
		w.wantsPage("/login")
		w.agrees(socialtest.Apple, anna)
		w.wantsPage("/join")
		w.tick("consent-0")
		w.send()
		isSignedIn(w, anna.Email)
	})
}
