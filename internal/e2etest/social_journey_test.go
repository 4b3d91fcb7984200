// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
	"github.com/usher-sso/usher/internal/socialtest"
)

// providers are all kinds of them, in the order of their buttons.
const providers = `
			login google {
				client_id ours
				client_secret of-google
			}
			login facebook {
				client_id ours
				client_secret of-facebook
			}
			login apple {
				client_id ours
				team_id TEAM
				key_id KEY
				private_key {file.{{.Dir}}/apple.p8}
			}
			login openid corporate {
				issuer ISSUER
				client_id ours
				client_secret of-corporate
				label "Example account"
			}
			login twitch {
				client_id ours
				client_secret of-twitch
			}
			app_redirect http://127.0.0.1/signed-in`

// outing is a journey of viewers who have accounts elsewhere.
type outing struct {
	*journey
	internet  *socialtest.Internet
	corporate *socialtest.OpenID
	settings  *strings.Replacer // what the providers have given out, for Caddyfiles
}

// setOutElsewhere starts a server whose publisher has all providers and the options.
// Those of the given names have an account of the corporation's.
func setOutElsewhere(t *testing.T, options string, names ...string) *outing {
	t.Helper()
	t.Parallel()
	browser := shared(t)
	in := socialtest.New(t, time.Now)
	// The providers have to know where the server is, and it their keys.
	s := newServer(t, loopback, false, t.TempDir()).on(in, standard)
	j := &outing{journey: journeyAt(t, browser, s), internet: in}
	back := func(name string) string { return s.hub + "/login/" + name + "/callback" }
	for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Facebook, socialtest.Twitch} {
		in.Register(p, socialtest.Client{ID: "ours", Secret: "of-" + string(p), RedirectURIs: []string{back(string(p))}})
	}
	key := in.RegisterApple(t, "ours", back("apple"))
	if err := os.WriteFile(filepath.Join(s.dir, "apple.p8"), []byte(key.PEM), 0o600); err != nil {
		t.Fatal(err)
	}
	var people []socialtest.Person
	for _, w := range j.walks {
		for _, name := range names {
			people = append(people, w.person(name))
		}
	}
	j.corporate = socialtest.StartOpenID(t, []socialtest.Client{{ID: "ours", Secret: "of-corporate", RedirectURIs: []string{back("corporate")}}}, people...)
	j.settings = strings.NewReplacer("ISSUER", j.corporate.Issuer, "TEAM", key.Team, "KEY", key.ID)
	j.has(options)
	return j
}

// has gives the publisher other options besides the providers.
func (j *outing) has(options string) {
	j.t.Helper()
	j.changes(j.settings.Replace(wanting(providers + options)))
}

// person is who a viewer is elsewhere. All say the same of them.
func (w *walk) person(name string) socialtest.Person {
	number := fnv.New32a()
	fmt.Fprint(number, name, w.number)
	return socialtest.Person{
		Subject: strconv.Itoa(int(number.Sum32())), Email: w.email(name), Name: "Ann " + name, GivenName: "Ann", FamilyName: name,
	}
}

// providerHosts are where providers ask people who they are.
var providerHosts = map[socialtest.Provider]string{
	socialtest.Google: "https://accounts.google.com/", socialtest.Facebook: "https://www.facebook.com/",
	socialtest.Apple: "https://appleid.apple.com/", socialtest.Twitch: "https://id.twitch.tv/",
}

// way is the button that leads to a provider.
func way(name string) string { return fmt.Sprintf(`main .elsewhere a[href*="/login/%s"]`, name) }

// goesTo follows the button to a provider.
func (w *walk) goesTo(p socialtest.Provider) {
	w.t.Helper()
	w.click(way(string(p)))
	w.wantsHost(p)
}

func (w *walk) wantsHost(p socialtest.Provider) {
	w.t.Helper()
	if at := w.at(); !strings.HasPrefix(at, providerHosts[p]) {
		w.t.Fatalf("the browser is at %s, not at %s\n%s", at, p, w.shows())
	}
}

// agrees signs in with a provider, from a page that has its button, as somebody who has
// an account there.
func (w *walk) agrees(p socialtest.Provider, person socialtest.Person) int {
	w.t.Helper()
	w.s.internet.Add(p, person)
	w.goesTo(p)
	return w.click(socialtest.Button(person))
}

// authenticates fills in the corporation's own form.
func (w *walk) authenticates(person socialtest.Person) int {
	w.t.Helper()
	w.forgive("favicon.ico") // the corporation has none
	w.fill("username", person.Username(), "password", socialtest.Password)
	return w.click("form button")
}

// isIn checks that the viewer is at the page of a site that they asked for, and that
// its app was told who they are.
func (w *walk) isIn(asked, email string) {
	w.t.Helper()
	if at := strings.TrimSuffix(w.at(), "#"); at != asked {
		w.t.Fatalf("the browser is at %s, want %s\n%s", at, asked, w.shows())
	}
	if shown := w.text("email"); shown != email {
		w.t.Fatalf("the app shows %q, want %q", shown, email)
	}
	app, path := w.s.news, strings.TrimPrefix(asked, w.s.newsURL)
	if path == asked {
		app, path = w.s.sports, strings.TrimPrefix(asked, w.s.sportsURL)
	}
	calls := app.at(path)
	checkIdentity(w.t, calls[len(calls)-1], account{id: w.text("customer"), email: email})
}

// awaitCode waits for the n-th mail to an address that has a code, whatever its
// language.
func (w *walk) awaitCode(to string, n int) string {
	w.t.Helper()
	var found []string
	waitUntil(w.t, "the code to "+to, func() bool {
		found = nil
		for _, l := range w.s.letters(w.t, to) {
			if code := mailedCode.FindString(address.ReplaceAllString(l.text, "")); code != "" {
				found = append(found, code)
			}
		}
		return len(found) >= n
	})
	return found[n-1]
}

// letsPass has it be long ago that the viewers proved who they are.
func (j *outing) letsPass(name string) {
	j.t.Helper()
	j.stop()
	backend, err := bolt.Open(filepath.Join(j.dir, "usher.db"), bolt.Options{})
	if err != nil {
		j.t.Fatal(err)
	}
	defer j.restart()
	defer backend.Close()
	store := authstore.New(backend, time.Now)
	for _, w := range j.walks {
		c, _, err := store.CustomerByIdentity(j.t.Context(), 100000001, authstore.ProviderPassword, w.email(name))
		if err != nil {
			j.t.Fatal(err)
		}
		sessions, err := store.CustomerSessions(j.t.Context(), c.ID)
		if err != nil || len(sessions) == 0 {
			j.t.Fatalf("%s has the sessions %v: %v", c.Email, sessions, err)
		}
		for _, session := range sessions {
			_, err := store.JudgeSession(j.t.Context(), session.ID, 0, func(s *authstore.Session) (authstore.Verdict, error) {
				s.Confirmed = time.Now().Add(-time.Hour)
				return authstore.Save, nil
			})
			if err != nil {
				j.t.Fatal(err)
			}
		}
	}
}

// entries are the ways in which the viewer can sign in, as the account's page names
// them.
func (w *walk) entries() []string {
	w.t.Helper()
	return ask(w.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".entry .what")].map(e => e.innerText.trim())`))
}
