// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// withForms is a hub and a site that serves the library's forms and the API
// from one origin. SITE is the folder of the forms. The file of translations
// is one that the library asks every site for.
const withForms = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			consent broadcaster_terms {
				version 1
				label "I accept the [terms of use]({{.Hub}}/terms)."
				value {{.Hub}}/terms
				required
			}
			consent broadcaster_marketing {
				label "Send me news about new programmes."
			}
			capture {
				field firstNameLastName required
				field birthDate required
				field address
				field phoneNumber
				field companyName
				question custom_1 "Do you watch live?" required {
					choice "Often"
					choice "Never"
				}
				question custom_2 "How did you find us?" {
					choice "A friend"
					choice "Search"
					choice "An advertisement"
				}
			}
		}
	}
}
{{.Hub}} {
	usher
}
{{.News}} {
	usher_api
	respond /cleeng-translations/* "{}"
	root * "SITE"
	file_server
}
`

// What the library asks of the API, and what it is to be answered.
const (
	offersConsents = "GET /publishers/100000001/consents 200"
	readsCustomer  = "GET /customers/{id} 200"
	readsConsents  = "GET /customers/{id}/consents 200"
	savesConsents  = "PUT /customers/{id}/consents 200"
	readsCapture   = "GET /customers/{id}/capture/status 200"
	savesCapture   = "PUT /customers/{id}/capture 200"
	savesCustomer  = "PATCH /customers/{id} 200"
	asksReset      = "PUT /customers/passwords 200"
)

// readAPI reads what the API tells a customer about themselves.
func readAPI[T any](t testing.TB, s *server, given tokens, path string) T {
	t.Helper()
	var in struct {
		ResponseData T `json:"responseData"`
	}
	s.visitor(t).send("GET", s.hub+"/customers/"+given.customer()+path, "", bearer(given.JWT)).says(t, 200).json(t, &in)
	return in.ResponseData
}

// wantConsents checks a customer's consents, each as "name version state".
func wantConsents(t testing.TB, s *server, email string, want ...string) {
	t.Helper()
	type item struct{ Name, Version, State string }
	data := readAPI[struct{ Consents []item }](t, s, s.login(t, email), "/consents")
	var got []string
	for _, c := range data.Consents {
		got = append(got, c.Name+" "+c.Version+" "+c.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the customer's consents are %q, want %q", got, want)
	}
}

// answersOf returns a customer's answers to the questions, by key.
func answersOf(t testing.TB, s *server, email string) map[string]string {
	t.Helper()
	type setting struct {
		Key    string
		Answer any
	}
	data := readAPI[struct{ Settings []setting }](t, s, s.login(t, email), "/capture/status")
	all := map[string]string{}
	for _, q := range data.Settings {
		switch a := q.Answer.(type) {
		case string:
			all[q.Key] = a
		case map[string]any:
			for key, value := range a {
				all[key], _ = value.(string)
			}
		}
	}
	return all
}

// wantAnswers checks a customer's answers. answers are keys and texts in turn.
func wantAnswers(t testing.TB, s *server, email string, answers ...string) {
	t.Helper()
	got := answersOf(t, s, email)
	for i := 0; i < len(answers); i += 2 {
		if got[answers[i]] != answers[i+1] {
			t.Errorf("the answer to %s is %q, want %q", answers[i], got[answers[i]], answers[i+1])
		}
	}
}

func TestSDKFormsRegisterOnce(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	const email = "registers@viewer.test"
	l.show("register")
	l.called(offersConsents)
	if link := ask(l.chromium, chromedp.Evaluate[string](`document.querySelector("label a").href`)); link != s.hub+"/terms" {
		t.Errorf("the form links to the terms at %q", link)
	}

	// Without what is required the form asks nothing of the server.
	l.fill("Email", email, "Password", password)
	l.press("Register")
	l.reads("Please agree on all required consents")
	l.called()

	l.tick("I accept the terms of use")
	l.press("Register")
	l.arrives("registered")
	l.called("GET /locales 200", "POST /customers 200", savesConsents, readsConsents, readsCapture)
	wantConsents(t, s, email, "broadcaster_terms 1 accepted", "broadcaster_marketing 1 declined")

	l.show("register")
	l.called(offersConsents)
	l.fill("Email", email, "Password", password)
	l.tick("I accept the terms of use")
	l.press("Register")
	l.reads("Customer already exists")
	l.called("GET /locales 200", "POST /customers 422")
}

func TestSDKFormsSignIn(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "signs-in")
	l.show("login")
	l.called()
	l.fill("Email", viewer.email, "Password", "not-the-password-1")
	l.press("Sign in")
	l.reads("Wrong email or password")
	l.called("POST /auths 401")
	l.fill("Password", password)
	l.press("Sign in")
	l.arrives("logged-in")
	l.called("POST /auths 200", readsConsents, readsCapture)
	if got := l.remembers("CUSTOMER_ID"); got != viewer.id {
		t.Errorf("the library takes the customer for %q, want %s", got, viewer.id)
	}

	// What signs out is the library alone; the next visitor signs in afresh.
	l.press("Log out")
	l.arrives("logged-out")
	if l.remembers("AUTH_TOKEN") != "" || l.remembers("REFRESH_TOKEN") != "" {
		t.Error("the library keeps tokens after the sign-out")
	}
	l.show("login")
	l.signIn(s.register(t, "signs-in-later").email, password)
}

// signIn fills the form that is shown.
func (l *sdk) signIn(email, password string) {
	l.t.Helper()
	l.fill("Email", email, "Password", password)
	l.press("Sign in")
	l.arrives("logged-in")
	l.called("POST /auths 200", readsConsents, readsCapture)
}

func TestSDKFormsAskForConsents(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "consents") // who was never asked
	l.show("login")
	l.signIn(viewer.email, password)
	l.show("consents")
	l.called(readsConsents)
	l.reads("Send me news")
	l.press("Continue")
	l.reads("This consent is required")
	l.called()
	l.tick("I accept the terms of use")
	l.press("Continue")
	l.arrives("consented")
	l.called(savesConsents)
	wantConsents(t, s, viewer.email, "broadcaster_terms 1 accepted", "broadcaster_marketing 1 declined")

	// Once is enough, until the terms change.
	l.show("consents")
	l.arrives("consented")
	l.called(readsConsents)
	newer := edit(t, edit(t, withForms, "version 1", "version 2"), "I accept the", "I accept the new")
	if out, err := s.reload(strings.ReplaceAll(newer, "SITE", l.folder), "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	l.show("consents")
	l.called(readsConsents)
	l.reads("I accept the new terms of use")
	if strings.Contains(l.shows(), "Send me news") {
		t.Error("the form asks for a consent that did not change")
	}
	l.press("Continue")
	l.arrives("consented")
	l.called(savesConsents)
	wantConsents(t, s, viewer.email, "broadcaster_terms 2 accepted", "broadcaster_marketing 1 declined")
}

// answered are the fields of the library's capture form, filled in.
var answered = []string{
	"First Name", "Ann", "Last Name", "Ångström", "Date of Birth", "1990-02-28", "Company", "Example & Sons",
	"Mobile phone", "+46 70 123 4567", "Address line 1", "Storgatan 1", "Address line 2", "3 tr", "City", "Malmö",
	"State/Region", "Skåne", "ZIP/Postal code", "211 34",
}

// answer fills in the capture form and sends it.
func (l *sdk) answer() {
	l.t.Helper()
	l.show("capture")
	l.called(readsCapture)
	l.fill(answered...)
	l.tick("Never")
	l.do(chromedp.Click(chromedp.CSS(".react-select__control")),
		chromedp.Click(chromedp.Search(`//*[contains(@class, "react-select__option") and .="An advertisement"]`)))
	l.press("Continue")
	l.arrives("captured")
	l.called(savesCapture)
}

func TestSDKFormsAskTheQuestions(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "captured")
	l.show("login")
	l.signIn(viewer.email, password)
	l.show("capture")
	l.called(readsCapture)
	l.press("Continue")
	l.reads("Birth date is required")
	l.called()
	l.answer()
	wantAnswers(t, s, viewer.email, "firstName", "Ann", "lastName", "Ångström", "birthDate", "1990-02-28", "companyName", "Example & Sons",
		"phoneNumber", "+46 70 123 4567", "address", "Storgatan 1", "city", "Malmö", "state", "Skåne", "postCode", "211 34",
		"custom_1", "Never", "custom_2", "An advertisement")

	l.show("capture")
	l.arrives("captured") // there is nothing left to ask
	l.called(readsCapture)
}

// expire gives the library a token that ended long ago. The library does not
// verify what it reads, and no server ever sees this one.
func (l *sdk) expire(customer string) {
	l.t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	old := part([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + part([]byte(`{"customerId":"`+customer+`","publisherId":100000001,"exp":1}`)) + ".AA"
	if !ask(l.chromium, chromedp.Evaluate[bool](`Config.setJWT("`+old+`")`)) {
		l.t.Fatal("the library does not take the token")
	}
}

func TestSDKRenewsAnExpiredToken(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "renews")
	l.show("login")
	l.signIn(viewer.email, password)
	before := l.remembers("REFRESH_TOKEN")
	l.expire(viewer.id)
	l.show("profile")
	calls := l.called("POST /auths/refresh_token 200", readsCustomer, readsConsents, readsCapture)
	for _, c := range calls[1:] {
		if c.sent < calls[0].answered {
			t.Errorf("%s did not wait for the new token", c)
		}
	}
	if after := l.remembers("REFRESH_TOKEN"); after == before || after == "" {
		t.Errorf("the library's refresh token was %q and is %q", before, after)
	}
	l.do(chromedp.WaitVisible(chromedp.CSS(`[id=email][value="` + viewer.email + `"]`)))
}

func TestSDKForgetsASessionThatEnded(t *testing.T) {
	t.Parallel()
	s, l := startSDK(t)
	viewer := s.register(t, "ended")
	l.show("login")
	l.signIn(viewer.email, password)
	s.visitor(t).send("DELETE", s.hub+"/refresh_tokens", "", bearer(viewer.JWT)).says(t, 200)
	l.expire(viewer.id)
	l.show("profile")
	l.called("POST /auths/refresh_token 401")
	waitUntil(t, "the library to forget the tokens", func() bool {
		return l.remembers("AUTH_TOKEN") == "" && l.remembers("REFRESH_TOKEN") == ""
	})
}
