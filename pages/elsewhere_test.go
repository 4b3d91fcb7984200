// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// renderSocial renders the pages of signing in elsewhere for renderIn: with an address
// that is no link, those that ask for a proof.
func renderSocial(r *Renderer, answer func(page string) *httptest.ResponseRecorder, c Chrome, text, address string, consents []Consent, elsewhere []Elsewhere) {
	proof := strings.HasPrefix(address, "javascript:")
	r.Join(answer("join"), 200, Join{c, address, address, address, text, text, true, text, consents, text, text, proof, proof, proof, text, text, address})
	r.App(answer("app"), 200, App{c, address, text, address})
	r.Deletion(answer("deletion"), 200, Deletion{c, time.Unix(1_800_000_000, 0), len(text), len(address)})
	a := Account{Chrome: c, Email: text, Notice: text, Error: text, FormAction: address, Pages: []AccountPage{{text, address, true}}}
	r.AccountSignin(answer("account_signin"), 200, AccountSignin{a, Proof{text, address, elsewhere, false}, []AccountWay{
		{text, "", text, text, time.Unix(1_800_000_000, 0), false, address}, {text, "google", text, text, time.Unix(1_800_000_000, 0), false, ""},
		{text, text, text, "", time.Unix(1_800_000_000, 0), true, ""},
	}, elsewhere, true, !proof})
}

func TestButtonsOfOtherPlacesAreLinksWithTheirBrandsMarksAndNames(t *testing.T) {
	r := mustRenderer(t)
	for language, want := range map[string]string{"en": "Continue with", "de": "Weiter mit", "ar": "المتابعة باستخدام"} {
		w := httptest.NewRecorder()
		r.Login(w, 200, Login{Chrome: Chrome{Language: r.catalog.Choose(language)}, Elsewhere: []Elsewhere{
			{"google", "Google", "/login/google"}, {`"><script>`, `<b>Nordlys & co`, "/login/own"}, {"apple", "Apple", "javascript:alert(1)"},
		}})
		page := w.Body.String()
		for _, want := range []string{
			`<li><a class="button brand google" href="/login/google"><svg class="mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">`,
			`</svg><span>` + want + " <bdi>Google</bdi></span></a></li>",
			`<li><a class="button brand plain" href="/login/own">`, "<bdi>&lt;b&gt;Nordlys &amp; co</bdi>",
			`<li><a class="button brand apple"><svg`, // leads nowhere
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %s in %s", language, want, page)
			}
		}
		if strings.Index(page, `href="/login/google"`) > strings.Index(page, "<form") {
			t.Errorf("%s: the buttons are not first", language)
		}
	}
}

func TestPagesWithoutOtherPlacesHaveNoSeparator(t *testing.T) {
	r := mustRenderer(t)
	for page, view := range map[string]view{"login": &Login{}, "register": &Register{}, "problem": &Problem{}} {
		w := httptest.NewRecorder()
		if r.write(w, 200, page, view); strings.Contains(w.Body.String(), `class="or"`) || strings.Contains(w.Body.String(), "elsewhere") {
			t.Errorf("%s: %s", page, w.Body)
		}
	}
}

func TestJoiningSuitsPasswordManagersAndCodesFromMails(t *testing.T) {
	r := mustRenderer(t)
	for name, tt := range map[string]struct {
		view       Join
		wants, not []string
	}{
		"an address and consents": {
			Join{Provider: "Facebook", NeedEmail: true, Consents: []Consent{{Name: "terms", Version: "1", Required: true, Before: "I accept."}}},
			[]string{"<bdi>Facebook</bdi> has told us no address that works.", `autocomplete="email"`, `name="consent.terms" value="1" required`},
			[]string{`type="password"`, `name="code"`},
		},
		"consents": {Join{Consents: []Consent{{Name: "terms", Version: "1"}}}, []string{`name="consent.terms"`}, []string{`type="email"`, `type="password"`}},
		"a proof": {
			Join{Proof: true, Email: "anna@example.com"},
			[]string{`value="anna@example.com" dir="ltr" autocomplete="username" readonly>`, `autocomplete="current-password"`, "Is this your account?", "Send me a code"},
			[]string{`name="email"`, `name="code"`},
		},
		"a proof, the code sent": {Join{Proof: true, Sent: true}, []string{`autocomplete="one-time-code"`, `autocomplete="current-password"`, "Send another code"}, []string{"Send me a code"}},
		"a proof where nobody learns who has an account": {
			Join{Proof: true, Hidden: true, Email: "anna@example.com"}, []string{"Confirm your address", "If you have an account"}, []string{"Is this your account", "There is an account"},
		},
	} {
		w := httptest.NewRecorder()
		r.Join(w, 200, tt.view)
		for _, want := range tt.wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: no %s in %s", name, want, w.Body)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(w.Body.String(), not) {
				t.Errorf("%s: %s", name, not)
			}
		}
	}
}

func TestLastWayInHasNoButtonAndSaysWhy(t *testing.T) {
	r := mustRenderer(t)
	for _, tt := range []struct {
		view         AccountSignin
		removes, add int
	}{
		{AccountSignin{Fresh: true, Ways: []AccountWay{{ID: "a", Brand: "google", Last: true}}, Add: []Elsewhere{{"apple", "Apple", "/login/apple"}}}, 0, 1},
		{AccountSignin{Fresh: true, Ways: []AccountWay{{ID: "a", Brand: "google"}, {ID: "b", Brand: "apple"}, {Password: "/account/password"}}}, 2, 0},
		{AccountSignin{Ways: []AccountWay{{ID: "a", Brand: "google"}, {ID: "b", Brand: "apple"}}, Add: []Elsewhere{{"twitch", "Twitch", "/login/twitch"}}}, 0, 0},
	} {
		w := httptest.NewRecorder()
		r.AccountSignin(w, 200, tt.view)
		page := w.Body.String()
		if strings.Count(page, `name="remove"`) != tt.removes || strings.Count(page, `class="button brand`) != tt.add ||
			strings.Contains(page, "the last way in") != slices.ContainsFunc(tt.view.Ways, func(w AccountWay) bool { return w.Last }) {
			t.Errorf("%+v: %s", tt.view, page)
		}
	}
}

// A policy lists an app's own scheme, and none that a browser knows.
func TestAppsAddressesEnterThePolicyOnlyAsOriginsOrTheirOwnSchemes(t *testing.T) {
	for address, want := range map[string]string{
		"com.example.app:/callback": "'self' com.example.app:", "com.example.app://cb": "'self' com.example.app:",
		"http://127.0.0.1:51234/cb": "'self' http://127.0.0.1:51234", "https://app.example/cb?a=b": "'self' https://app.example",
		"javascript:alert(1)": "'self'", "data:text/html,x": "'self'", "app:/x": "'self'", "com.example.app;script-src *:/x": "'self'",
	} {
		w := httptest.NewRecorder()
		mustRenderer(t).Login(w, 200, Login{Chrome: Chrome{FormOrigins: []string{appOrigin(address)}}})
		if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "; form-action "+want+"; ") {
			t.Errorf("%q: %s", address, got)
		}
	}
}
