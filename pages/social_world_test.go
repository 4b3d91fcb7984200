// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/social"
	"github.com/usher-sso/usher/internal/socialtest"
)

// providersOf are the providers that configurations have, in the order of their
// buttons. One that ends in ! is automatic.
var providersOf = map[string]map[int64][]string{
	"social":            {100000001: {"google", "facebook", "apple", "twitch"}},
	"social consents":   {100000001: {"google", "facebook"}},
	"social capture":    {100000001: {"google"}},
	"social first":      {100000001: {"google", "facebook"}},
	"social automatic":  {100000001: {"facebook", "google!"}},
	"social twitch":     {100000001: {"twitch"}},
	"social one of two": {100000001: {"google"}},
	"social two":        {100000001: {"google", "apple"}, 100000002: {"google", "facebook"}},
}

func init() {
	one := func(change func(*authstore.Publisher)) []authstore.Publisher {
		p := authstore.Publisher{ID: 100000001, Name: "Nordlys", Sites: ours}
		change(&p)
		return []authstore.Publisher{p}
	}
	plain := one(func(*authstore.Publisher) {})
	configs["social"], configs["social automatic"], configs["social twitch"] = plain, plain, plain
	configs["social consents"] = one(func(p *authstore.Publisher) {
		p.Consents = []authstore.ConsentDefinition{terms("1"), marketing}
	})
	configs["social capture"] = one(func(p *authstore.Publisher) {
		p.Consents, p.Capture = []authstore.ConsentDefinition{terms("1")}, authstore.Capture{Enabled: true, Fields: fields}
	})
	configs["social first"] = one(func(p *authstore.Publisher) { p.VerifyEmail = true })
	configs["social two"], configs["social one of two"] = configs["two"], configs["two"]
}

// People who have accounts elsewhere, by whom scripts call them.
var people = map[string]socialtest.Person{
	"anna":     {Subject: "1001", Email: "anna@example.com", Name: "Anna Berg", GivenName: "Anna", FamilyName: "Berg"},
	"eve":      {Subject: "1002", Email: "eve@example.com", Name: "Eve", GivenName: "Eve"},
	"nobody":   {Subject: "1003", Name: "Nobody", GivenName: "Nobody"},
	"unproved": {Subject: "1004", Email: "anna@example.com", Unverified: true, Name: "Not Anna"},
	"hostile":  {Subject: "1005", Email: "mallory@example.com", GivenName: `<script>alert(1)</script>`, FamilyName: `"><img src=x>`, Name: "M"},
}

const clientID, clientSecret = "usher-under-test", "not-a-secret-of-anybody"

// elsewhere returns the providers of a configuration, where people have accounts.
func (w *world) elsewhere(t *testing.T, name string) map[int64][]*social.Provider {
	t.Helper()
	wanted := providersOf[name]
	if wanted == nil {
		return nil
	}
	if w.internet == nil {
		w.internet = socialtest.New(t, time.Now)
		var all []socialtest.Person
		for _, p := range people {
			all = append(all, p)
		}
		for _, p := range []socialtest.Provider{socialtest.Google, socialtest.Facebook, socialtest.Apple, socialtest.Twitch} {
			w.internet.Add(p, all...)
			w.internet.Register(p, socialtest.Client{ID: clientID, Secret: clientSecret, RedirectURIs: []string{hub + social.CallbackPath(string(p))}})
		}
		w.appleKey = w.internet.RegisterApple(t, clientID, hub+social.CallbackPath("apple"))
	}
	providers := map[int64][]*social.Provider{}
	for publisher, names := range wanted {
		for _, name := range names {
			name, automatic := strings.CutSuffix(name, "!")
			o := social.Options{
				Name: name, ClientID: clientID, ClientSecret: clientSecret, Automatic: automatic, Transport: w.internet.Transport(t),
			}
			providers[publisher] = append(providers[publisher], w.provider(t, o))
		}
	}
	return providers
}

func (w *world) provider(t *testing.T, o social.Options) *social.Provider {
	t.Helper()
	switch o.Name {
	case "google":
		return social.Google(o)
	case "facebook":
		return social.Facebook(o)
	case "twitch":
		return social.Twitch(o)
	}
	p, err := social.Apple(o, social.AppleKey{TeamID: w.appleKey.Team, KeyID: w.appleKey.ID, PrivateKey: w.appleKey.PEM})
	must(t, err)
	return p
}

// agree does what a viewer does at the provider to which the last step led, and follows
// the way back.
func (p *player) agree(t *testing.T, name string) []string {
	t.Helper()
	to, err := p.internet.Cancel(p.to)
	if name != "" {
		who, ok := people[name]
		if !ok {
			t.Fatalf("nobody is called %q", name)
		}
		to, err = p.internet.Consent(p.to, who)
	}
	must(t, err)
	to.URL, _, _ = strings.Cut(to.URL, "#") // browsers keep that to themselves
	if to.Form == nil {
		p.answer = to.URL
		return p.request(t, "GET", to.URL, map[string][]string{"Sec-Fetch-Site": {"cross-site"}})
	}
	// Browsers send no cookies along when a page of somebody else's posts.
	kept := p.jar("id.example.com")
	p.jars[p.browser+" id.example.com"] = nil
	r := p.asking("POST", to.URL, to.Form)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://appleid.apple.com")
	recorder := httptest.NewRecorder()
	p.mux.ServeHTTP(recorder, r)
	p.jars[p.browser+" id.example.com"] = kept
	p.keep("id.example.com", recorder)
	lines := append(seen(t, recorder), cookiesSeen(recorder)...)
	if p.to = recorder.Header().Get("Location"); p.to == "" {
		return lines
	}
	return append(lines, p.request(t, "GET", p.to, map[string][]string{"Sec-Fetch-Site": {"cross-site"}})...)
}

// viewer is a browser at the hub.
func (w *world) viewer(name string) *player {
	return &player{world: w, jars: map[string]map[string]string{}, browser: name, ip: "203.0.113.7"}
}

// open opens a page by a link on another one of the hub.
func (p *player) open(target string) *httptest.ResponseRecorder {
	r := p.asking("GET", hub+strings.TrimPrefix(target, hub), nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return p.do(r)
}

// send sends a form.
func (p *player) send(target string, fields ...string) *httptest.ResponseRecorder {
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return p.do(p.asking("POST", hub+target, values))
}

// signsIn goes to a provider and back, and returns the answer to that.
func (p *player) signsIn(t *testing.T, at, who string) *httptest.ResponseRecorder {
	t.Helper()
	to, err := p.internet.Consent(p.open(at).Header().Get("Location"), people[who])
	must(t, err)
	to.URL, _, _ = strings.Cut(to.URL, "#")
	return p.open(to.URL)
}

var sealedCookies = []string{"__Host-usher-social-"}

// plainCookie returns the name of a cookie without what differs each time.
func plainCookie(name string) string {
	i := slices.IndexFunc(sealedCookies, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	if i < 0 {
		return name
	}
	return sealedCookies[i] + "…"
}
