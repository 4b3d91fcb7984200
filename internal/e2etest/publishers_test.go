// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"strings"
	"testing"
)

// estate are the names of twoEstates: news.media.test and the hub are of one
// registrable domain, rival.example is another publisher's.
var estate = hosts{"https", "id.media.test", "news.media.test", "rival.example"}

// twoEstates has two publishers with several sites each, whose names are of the
// same registrable domain and of different ones, across the publishers too. One
// name under the first publisher's pattern is the second's.
const twoEstates = `
{
	{{.Options}}
	usher {{.Hub}} {
		store bolt {{.Dir}}/usher.db
		mail outbox {{.Dir}}/outbox
		publisher 100000001 {
			name "Example Media"
			sites {{.News}} https://sports.media.test:{{.Port}} https://radio.example:{{.Port}} https://*.clubs.example:{{.Port}}
			consent broadcaster_terms {
				label "I accept the [terms of use]({{.Hub}}/terms)."
				required
			}
			brand {
				link privacy https://media.example/privacy
			}
		}
		publisher 100000002 {
			name "Rival Press"
			sites {{.Sports}} https://weekly.media.test:{{.Port}} https://away.clubs.example:{{.Port}}
			consent rival_news {
				label "Send me the news of Rival Press."
			}
			brand {
				link privacy https://press.example/privacy
			}
		}
	}
}
{{.Hub}} {
	tls internal
	usher
}
{{.News}}, https://sports.media.test:{{.Port}}, https://radio.example:{{.Port}}, https://*.clubs.example:{{.Port}} {
	tls internal
	usher_gate {
		optional /open/*
	}
	reverse_proxy {{.NewsApp}}
}
{{.Sports}}, https://weekly.media.test:{{.Port}}, https://away.clubs.example:{{.Port}} {
	tls internal
	usher_gate {
		optional /open/*
	}
	reverse_proxy {{.SportsApp}}
}
`

const (
	ownPublisher   = "100000001"
	rivalPublisher = "100000002"
)

// ownSites and rivalSites are the sites of each publisher of twoEstates, two of
// them under a pattern.
func (s *server) ownSites() []string {
	return []string{s.newsURL, s.at("sports.media.test"), s.at("radio.example"), s.at("rovers.clubs.example"), s.at("united.clubs.example")}
}

func (s *server) rivalSites() []string {
	return []string{s.sportsURL, s.at("weekly.media.test"), s.at("away.clubs.example")}
}

// startEstate starts a server of twoEstates and waits for the certificates of all
// its sites.
func startEstate(t testing.TB) *server {
	t.Helper()
	s := startAt(t, estate, twoEstates)
	client := s.client()
	for _, site := range append(s.ownSites(), s.rivalSites()...) {
		waitUntil(t, "the certificate of "+site, func() bool {
			res, err := client.Get(site + "/.usher/session")
			if err == nil {
				res.Body.Close()
			}
			return err == nil
		})
	}
	return s
}

// readers signs two customers up, one of each publisher, who have the same
// address and are in two browsers.
func (s *server) readers(t testing.TB) (own, rival *visitor) {
	t.Helper()
	own, rival = s.visitor(t), s.visitor(t)
	own.signUp(s.newsURL+"/own", "reader@viewer.test", accepted...)
	rival.signUp(s.sportsURL+"/rival", "reader@viewer.test")
	return own, rival
}

// knowsAt tells whether the hub has a session with the visitor as a customer of
// a publisher.
func (v *visitor) knowsAt(publisher string) bool {
	v.t.Helper()
	return strings.Contains(v.open(v.s.hub+"/?publisher="+publisher).says(v.t, 200).body, "You are signed in as")
}

// seenAs returns the customer and the publisher that a site tells a front end
// of, and checks that its app is told the same. Both are "" for a stranger.
func (v *visitor) seenAs(site string) (customer, publisher string) {
	v.t.Helper()
	var told struct{ CustomerID, PublisherID string }
	v.fetch(site+"/.usher/session").says(v.t, 200).json(v.t, &told)
	var e echo
	v.fetch(site+"/open/x").says(v.t, 200).json(v.t, &e)
	if c, p := e.Header.Get("X-Usher-Customer-Id"), e.Header.Get("X-Usher-Publisher-Id"); c != told.CustomerID || p != told.PublisherID {
		v.t.Errorf("%s tells its page of %+v, and its app of %q of %q", site, told, c, p)
	}
	return told.CustomerID, told.PublisherID
}

// TestPublishersLiveSideBySideInOneBrowser: to be signed in with one publisher
// is to be a stranger to the other, and to leave one is to stay with the other.
func TestPublishersLiveSideBySideInOneBrowser(t *testing.T) {
	t.Parallel()
	s := startEstate(t)
	v := s.visitor(t)
	v.signUp(s.newsURL+"/own", "reader@viewer.test", accepted...)

	hops := v.visit(s.sportsURL + "/rival?x=1")
	form := hops[len(hops)-1].says(t, 200)
	if form.at.Path != "/login" || !strings.Contains(form.body, "Rival Press") || !strings.Contains(form.body, "press.example/privacy") {
		t.Fatalf("a customer of another publisher lands at %s\n%s", form.at, form.body)
	}
	for _, foreign := range []string{"Example Media", "media.example", "reader@viewer.test", "news.media.test"} {
		if strings.Contains(form.body, foreign) {
			t.Errorf("the rival's login tells of %s:\n%s", foreign, form.body)
		}
	}
	register := v.click(form, "Create an account").says(t, 200)
	if strings.Contains(register.body, "terms of use") || !strings.Contains(register.body, "news of Rival Press") {
		t.Errorf("the rival asks for consents of others:\n%s", register.body)
	}
	v.arrive(v.fill(register, "email", "reader@viewer.test", "password", password+"-2"), s.sportsURL+"/rival?x=1")

	v.livesAtBoth(t)
	v.leavesOneByOne(t)
}

// livesAtBoth checks that the visitor is one customer at all sites of each
// publisher, and that the hub keeps the two apart.
func (v *visitor) livesAtBoth(t *testing.T) {
	t.Helper()
	s := v.s
	customers := map[string]bool{}
	for publisher, sites := range map[string][]string{ownPublisher: s.ownSites(), rivalPublisher: s.rivalSites()} {
		var first string
		for i, site := range sites {
			if hops := v.visit(site + "/page"); i > 0 && len(hops) != 4 || hops[len(hops)-1].at.String() != site+"/page" {
				t.Errorf("%s takes %v", site, places(hops))
			}
			customer, as := v.seenAs(site)
			if first == "" {
				first = customer
			}
			if customer == "" || customer != first || as != publisher {
				t.Errorf("at %s the visitor is %q of %q, want %q of %s", site, customer, as, first, publisher)
			}
		}
		customers[first] = true
		other := map[string]string{ownPublisher: "Rival Press", rivalPublisher: "Example Media"}[publisher]
		for _, page := range []string{"/", "/account", "/account/consents", "/account/sessions", "/account/export"} {
			if a := v.open(s.hub+page+"?publisher="+publisher).says(t, 200); strings.Contains(a.body, other) {
				t.Errorf("%s of %s tells of %s:\n%s", page, publisher, other, a.body)
			}
		}
	}
	if len(customers) != 2 {
		t.Errorf("the customers are %v, want one for each publisher", customers)
	}
}

// leavesOneByOne checks that signing out with one publisher, at a site and at the
// hub, is staying with the other.
func (v *visitor) leavesOneByOne(t *testing.T) {
	t.Helper()
	s := v.s
	here := func(sites []string) (n int) {
		for _, site := range sites {
			if v.signedIn(site) {
				n++
			}
		}
		return n
	}
	v.submit(s.at("rovers.clubs.example")+"/.usher/logout", nil).says(t, 303)
	if own, rival := here(s.ownSites()), here(s.rivalSites()); own != 0 || rival != len(s.rivalSites()) || v.knowsAt(ownPublisher) || !v.knowsAt(rivalPublisher) {
		t.Errorf("signed out with one publisher: in at %d sites of it and %d of the other", own, rival)
	}
	v.signIn(s.newsURL+"/again", "reader@viewer.test")
	v.fill(v.open(s.hub+"/logout?publisher="+rivalPublisher).says(t, 200)).says(t, 303)
	if own, rival := here(s.ownSites()[:1]), here(s.rivalSites()); own != 1 || rival != 0 || !v.knowsAt(ownPublisher) || v.knowsAt(rivalPublisher) {
		t.Errorf("signed out at the hub with one publisher: in at %d sites of the other and %d of it", own, rival)
	}
}

// TestNothingOfOnePublisherServesAtAnother: neither what a browser holds, nor
// what an app holds, nor what is on its way between them.
func TestNothingOfOnePublisherServesAtAnother(t *testing.T) {
	t.Parallel()
	s := startEstate(t)
	own, rival := s.readers(t)
	app := granted(t, s.post(t, "/auths", map[string]string{"email": "reader@viewer.test", "password": password, "publisherId": ownPublisher}))
	cookie, hub := own.cookies(s.newsURL)["__Host-usher"], own.cookies(s.hub)["__Host-usher-hub"]

	stranger := &visitor{t: t, s: s, client: s.client()}
	for _, site := range s.rivalSites() {
		for what, line := range map[string]string{
			"the cookie of a site": "Cookie: __Host-usher=" + cookie,
			"the hub's cookie":     "Cookie: __Host-usher-hub=" + hub + "; __Host-usher=" + hub,
			"an app's token":       bearer(app.JWT),
			"both":                 bearer(app.JWT) + "\nCookie: __Host-usher=" + cookie,
		} {
			lines := append(strings.Split(line, "\n"), "X-Probe: "+what+site)
			stranger.fetch(site+"/account", lines...).says(t, 401)
			if a := stranger.open(site+"/account", lines...); strings.HasPrefix(line, "Cookie") && a.status != 302 {
				t.Errorf("%s at %s: status %d", what, site, a.status)
			}
			if n := len(s.sports.calls(what + site)); n > 0 {
				t.Errorf("%s opens %s", what, site)
			}
			if a := stranger.fetch(site+"/.usher/session", lines...); !strings.Contains(a.body, `"signedIn":false`) {
				t.Errorf("%s at %s signs in: %s", what, site, a.body)
			}
			stranger.send("POST", site+"/.usher/logout", "", append(lines, "Sec-Fetch-Site: same-origin")...)
		}
	}
	if !own.signedIn(s.newsURL) || !own.knowsAt(ownPublisher) {
		t.Error("a sign-out at a site of another publisher has ended the session")
	}

	crossSignIn(t, own)
	crossCode(t, own, rival)
	crossPages(t, own, rival)
	crossWayBack(t, own, rival)
}

// crossSignIn has the hub asked for one publisher by a customer of the other.
func crossSignIn(t *testing.T, own *visitor) {
	t.Helper()
	s := own.s
	ask := own.open(s.sportsURL+"/rival").says(t, 302).to()
	if a := own.open(ask); a.status != 302 || !strings.HasPrefix(a.to(), s.hub+"/login?") {
		t.Errorf("the hub answers for another publisher's customer: %d, %s", a.status, a.to())
	}
	if a := own.open(changed(t, ask, "prompt", "none")).says(t, 302); member(t, a.to(), "error") != "login_required" || member(t, a.to(), "code") != "" {
		t.Errorf("asked without a page, the hub answers %s", a.to())
	}
	// A question of our site in the name of theirs, and the other way round.
	genuine := own.open(s.newsURL+"/.usher/login").says(t, 302).to()
	if a := own.open(changed(t, genuine, "site", s.sportsURL)); a.status != 302 || !strings.HasPrefix(a.to(), s.hub+"/login?") {
		t.Errorf("a question in another site's name: %d, %s", a.status, a.to())
	}
	if a := own.open(ask + "&publisher=" + ownPublisher); a.status != 302 || !strings.HasPrefix(a.to(), s.hub+"/login?") {
		t.Errorf("a question that names another publisher: %d, %s", a.status, a.to())
	}
}

// crossCode brings a code of one publisher's to the other's sites.
func crossCode(t *testing.T, own, rival *visitor) {
	t.Helper()
	s := own.s
	for _, site := range s.rivalSites() {
		code := own.callback(s.newsURL + "/.usher/login")
		theirs := rival.callback(site + "/.usher/login")
		if a := rival.open(changed(t, theirs, "code", member(t, code, "code"))); a.status != 400 {
			t.Errorf("our code answers a sign-in at %s: status %d", site, a.status)
		}
		own.open(site + "/.usher/login")
		if a := own.open(strings.Replace(code, s.newsURL, site, 1)); a.status != 400 || own.signedIn(site) {
			t.Errorf("our code at %s: status %d", site, a.status)
		}
	}
}

// crossPages opens the other publisher's pages at the hub, and sends its forms.
func crossPages(t *testing.T, own, rival *visitor) {
	t.Helper()
	s := own.s
	for _, page := range []string{
		"/", "/account", "/account/profile", "/account/email", "/account/password", "/account/consents", "/account/sessions",
		"/account/export", "/account/delete", "/consents", "/capture", "/verify",
	} {
		hops := own.visit(s.hub + page + "?publisher=" + rivalPublisher)
		last := hops[len(hops)-1].says(t, 200)
		if strings.Contains(last.body, "reader@viewer.test") || last.at.Path != "/login" && last.at.Path != "/" {
			t.Errorf("%s of another publisher ends at %s:\n%s", page, last.at, last.body)
		}
	}
	for path, fields := range map[string]url.Values{
		"/logout": nil, "/account/sessions": {"others": {"yes"}}, "/account/delete": {"understood": {"yes"}, "current": {password}},
		"/account/consents": {"confirm": {"withdraw"}}, "/consents": {"consent.rival_news": {"1"}},
	} {
		own.submit(s.hub+path+"?publisher="+rivalPublisher, fields)
	}
	if !own.signedIn(s.newsURL) || !own.knowsAt(ownPublisher) || !rival.signedIn(s.sportsURL) {
		t.Error("a form for one publisher has ended a session with the other")
	}
}

// crossWayBack asks the hub to lead on to the other publisher's sites.
func crossWayBack(t *testing.T, own, rival *visitor) {
	t.Helper()
	s := own.s
	a := s.visitor(t).open(s.hub+"/signed-out?publisher="+ownPublisher+"&site="+url.QueryEscape(s.sportsURL)).says(t, 200)
	if strings.Contains(a.body, s.sportsURL) {
		t.Errorf("the page after a sign-out leads to another publisher's site:\n%s", a.body)
	}
	page := member(t, own.open(s.at("radio.example")+"/secret/page").says(t, 302).to(), "page")
	q := url.Values{"publisher": {rivalPublisher}, "site": {s.sportsURL}, "page": {page}}
	if a := rival.open(s.hub+"/login?"+q.Encode()).says(t, 303); a.to() != s.sportsURL+"/" {
		t.Errorf("a page of ours leads a rival's customer to %s", a.to())
	}
	q.Set("publisher", ownPublisher)
	if a := own.open(s.hub+"/login?"+q.Encode()).says(t, 303); !strings.HasPrefix(a.to(), s.hub+"/") {
		t.Errorf("a site of a rival is gone back to: %s", a.to())
	}
}

// TestSilentSignInIsBetweenSitesOfOnePublisher: who comes from a site of another
// publisher is not asked about, however alike the names are.
func TestSilentSignInIsBetweenSitesOfOnePublisher(t *testing.T) {
	t.Parallel()
	s := startEstate(t)
	stranger := &visitor{t: t, s: s, client: s.client()}
	of := map[string]string{}
	for _, site := range s.ownSites() {
		of[site] = ownPublisher
	}
	for _, site := range s.rivalSites() {
		of[site] = rivalPublisher
	}
	for site, publisher := range of {
		for from, owner := range of {
			a := stranger.open(site+"/open/page", "Referer: "+from+"/")
			if asked := a.status == 302 && member(t, a.to(), "prompt") == "none"; asked != (publisher == owner && site != from) {
				t.Errorf("at %s, from %s: status %d, %q", site, from, a.status, a.header.Get("Location"))
			}
			a = stranger.fetch(site+"/account", "Origin: "+from)
			if allowed := a.header.Get("Access-Control-Allow-Origin") == from; allowed != (publisher == owner) {
				t.Errorf("%s may be read by %s: %v", site, from, allowed)
			}
		}
	}
}
