// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"testing"
)

// aboutReset is in the subject of mails that hold a link for a new password.
const aboutReset = "new password"

// askReset asks for a reset mail through the API and returns the n-th link.
func (s *server) askReset(t testing.TB, email string, n int, lines ...string) string {
	t.Helper()
	s.visitor(t).send("PUT", s.hub+"/customers/passwords", `{"customerEmail":"`+email+`","publisherId":"`+publisherID+`","resetUrl":""}`,
		append(lines, "Content-Type: application/json")...).says(t, 200)
	return s.awaitLetter(t, email, aboutReset, n).link(t)
}

func TestResetLinkNamesTheConfiguredHubWhateverHeadersClaim(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "claimed")
	var claims []string
	for _, lines := range hearsay {
		claims = append(claims, lines...)
	}
	if link := s.askReset(t, viewer.email, 1, claims...); !strings.HasPrefix(link, s.hub+"/reset?") {
		t.Errorf("the mail links to %s", link)
	}
	for _, l := range s.letters(t, viewer.email) {
		if strings.Contains(l.text+l.subject, "evil") {
			t.Errorf("the mail repeats what was claimed:\n%s", l.text)
		}
	}
	for _, where := range append(s.elsewhere(), strings.Replace(s.newsURL, "://", "://evil.test@", 1), s.newsURL+`\@evil.test`) {
		if where == "" || where == s.newsURL+"/" || where == s.newsURL+"/../../evil.test" || where == s.newsURL+"#@evil.test" || strings.EqualFold(where, s.newsURL) {
			continue // the default page, or the publisher's own site
		}
		a := s.visitor(t).send("PUT", s.hub+"/customers/passwords", jsonText(t, map[string]string{
			"customerEmail": viewer.email, "publisherId": publisherID, "resetUrl": where,
		}), "Content-Type: application/json")
		if a.status != 400 || !strings.Contains(a.body, "resetUrl is not valid URL.") {
			t.Errorf("resetUrl %q: status %d\n%s", where, a.status, a.body)
		}
	}
}

func TestResetLinkWorksOnceForOnePersonAndByPostOnly(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer, other := s.register(t, "forgot"), s.register(t, "notforgot")
	old := s.askReset(t, viewer.email, 1)
	link := s.askReset(t, viewer.email, 2)
	v := s.visitor(t)
	if a := v.open(old); a.status != 422 {
		t.Errorf("a link that was replaced by a newer one: status %d", a.status)
	}
	for range 3 { // scanners open links before people do
		v.open(link).says(t, 200)
		v.send("HEAD", link, "", asPage...)
	}
	page := v.open(link).says(t, 200)
	token, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	const next = "copper-lantern-72-river"
	patch := func(email, password string) answer {
		return s.visitor(t).send("PATCH", s.hub+"/customers/passwords", jsonText(t, map[string]string{
			"customerEmail": email, "publisherId": publisherID, "resetPasswordToken": token.Query().Get("token"), "newPassword": password,
		}), "Content-Type: application/json")
	}
	if a := patch(other.email, next); a.status != 422 {
		t.Errorf("a link for somebody else's account: status %d\n%s", a.status, a.body)
	}
	if a := patch(viewer.email, "short1"); a.status != 400 {
		t.Errorf("a bad password: status %d\n%s", a.status, a.body)
	}
	v.fill(page, "password", next).says(t, 200)
	for what, a := range map[string]answer{"by the API": patch(viewer.email, next), "by the page": v.fill(page, "password", next)} {
		if a.status != 422 {
			t.Errorf("a link that was used, %s: status %d\n%s", what, a.status, a.body)
		}
	}
	s.post(t, "/auths", credentials(viewer.email, password)).says(t, 401)
	s.post(t, "/auths", credentials(viewer.email, next)).says(t, 200)
	s.login(t, other.email)
	s.awaitLetter(t, viewer.email, "was changed", 1)
}

func TestResetTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	s := start(t, standard)
	viewer := s.register(t, "hasone")
	for what, ask := range map[string]func(email string) answer{
		"the API": func(email string) answer {
			return s.visitor(t).send("PUT", s.hub+"/customers/passwords", `{"customerEmail":"`+email+`","publisherId":"`+publisherID+`"}`, "Content-Type: application/json")
		},
		"the page": func(email string) answer {
			return s.visitor(t).submit(s.hub+"/forgot", url.Values{"email": {email}})
		},
	} {
		known, unknown := ask(viewer.email), ask("hasnone@viewer.test")
		hide := strings.NewReplacer(viewer.email, "…", "hasnone@viewer.test", "…").Replace
		if known.status != 200 || unknown.status != 200 || hide(known.body) != hide(unknown.body) {
			t.Errorf("%s answers %d and %d:\n%s\nor\n%s", what, known.status, unknown.status, known.body, unknown.body)
		}
	}
	for range 10 {
		s.visitor(t).submit(s.hub+"/forgot", url.Values{"email": {viewer.email}}).says(t, 200)
	}
	s.stop() // waits for mail under way
	if n := len(s.letters(t, viewer.email)); n > 6 {
		t.Errorf("one address got %d mails in a moment", n)
	}
	if n := len(s.letters(t, "hasnone@viewer.test")); n > 0 {
		t.Errorf("an address without an account got %d mails", n)
	}
}
