// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"strings"
	"testing"
)

// apiToken is the secret of the publisher's own servers.
const apiToken = "0123456789abcdef0123456789abcdef"

func jsonText(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// endings are what ends all sessions of a customer. Each gets the customer's
// address, and tokens of one of the sessions.
var endings = map[string]func(t *testing.T, s *server, email string, of tokens) answer{
	"all refresh tokens deleted": func(t *testing.T, s *server, _ string, of tokens) answer {
		return s.visitor(t).send("DELETE", s.hub+"/refresh_tokens", "", bearer(of.JWT))
	},
	"password reset by the API": func(t *testing.T, s *server, email string, _ tokens) answer {
		return s.visitor(t).send("PATCH", s.hub+"/customers/passwords", jsonText(t, map[string]string{
			"customerEmail": email, "publisherId": publisherID, "newPassword": "copper-lantern-72-river",
			"resetPasswordToken": member(t, s.askReset(t, email, 1), "token"),
		}), "Content-Type: application/json")
	},
	"password reset by the page": func(t *testing.T, s *server, email string, _ tokens) answer {
		v := s.visitor(t)
		return v.fill(v.open(s.askReset(t, email, 1)).says(t, 200), "password", "copper-lantern-72-river")
	},
	"customer erased": func(t *testing.T, s *server, _ string, of tokens) answer {
		return s.visitor(t).send("DELETE", s.hub+"/3.1/customers/"+of.customer(), "", "X-Publisher-Token: "+apiToken)
	},
	"required consent withdrawn": func(t *testing.T, s *server, _ string, of tokens) answer {
		return s.visitor(t).send("PUT", s.hub+"/customers/"+of.customer()+"/consents",
			`{"consents":[{"name":"broadcaster_terms","version":"1","state":"declined"}]}`, bearer(of.JWT), "Content-Type: application/json")
	},
}

// TestEverySessionEndsAtEverySiteAtOnce: whatever ends a customer's sessions
// ends all of them, for cookies and for tokens that have minutes left.
func TestEverySessionEndsAtEverySiteAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, edit(t, withConsents, `name "Example Media"`, "name \"Example Media\"\n\t\t\tapi_token "+apiToken))
	for what, end := range endings {
		t.Run(what, func(t *testing.T) {
			email := strings.ReplaceAll(what, " ", "-") + "@viewer.test"
			v := s.visitor(t)
			v.signUp(s.newsURL+"/", email, accepted...)
			v.visit(s.sportsURL + "/")
			app := s.login(t, email)
			for _, site := range []string{s.newsURL, s.sportsURL} {
				for range 3 { // what the gate remembers must not outlive the session
					if !v.signedIn(site) {
						t.Fatalf("not signed in at %s to begin with", site)
					}
				}
				s.visitor(t).fetch(site+"/account", bearer(app.JWT)).says(t, 200)
			}
			end(t, s, email, app).says(t, 200)
			for _, site := range []string{s.newsURL, s.sportsURL} {
				if v.signedIn(site) {
					t.Errorf("the cookie of %s is let in", site)
				}
				if a := s.visitor(t).fetch(site+"/account", bearer(app.JWT)); a.status != 401 {
					t.Errorf("the token is let in at %s: status %d", site, a.status)
				}
			}
			if v.knows() {
				t.Error("the hub's cookie is let in")
			}
			if a := s.refresh(t, app.RefreshToken); a.status != 401 {
				t.Errorf("the refresh token: status %d", a.status)
			}
		})
	}
}

// TestNewTermsAreAskedBeforeTheNextSite: a required consent that has changed
// stands between a viewer and a site that they come to.
func TestNewTermsAreAskedBeforeTheNextSite(t *testing.T) {
	t.Parallel()
	s := start(t, withConsents)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/", "terms@viewer.test", accepted...)
	changed := edit(t, withConsents, "label \"I accept the", "version 2\n\t\t\t\tlabel \"I accept the new")
	if out, err := s.reload(changed, "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	// A site that the viewer comes to for the first time asks.
	hops := v.visit(s.sportsURL + "/table?x=1")
	form := hops[len(hops)-1].says(t, 200)
	if form.at.Path != "/consents" || !strings.Contains(form.body, "I accept the new") {
		t.Fatalf("a new site leads to %s", form.at)
	}
	v.fill(form).says(t, 422)
	v.arrive(v.fill(form, "consent.broadcaster_terms", "2"), s.sportsURL+"/table?x=1")
}
