// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/gate"
)

// stopped fails unless a signed-in customer who has something to do first is
// led to the hub as a person and told so as a program.
func (w *world) stopped(t testing.TB, what string, cookie *http.Cookie, bearer string) {
	t.Helper()
	a := w.get("https://news.example.com/a?b=c", cookie)
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	if a.passed || a.identity != nil || a.Code != http.StatusFound || !strings.HasPrefix(to.String(), string(hub)+"/authorize?") {
		t.Errorf("%s: a page is answered with %d, %q, passed %t", what, a.Code, to, a.passed)
	}
	for _, r := range []*http.Request{
		request("GET", "https://news.example.com/a", nil, cookie),
		request("GET", "https://news.example.com/a", map[string]string{"Authorization": "Bearer " + bearer}),
	} {
		a := w.send(r)
		if a.passed || a.identity != nil || a.Code != http.StatusUnauthorized || !strings.Contains(a.Body.String(), `"interaction_required"`) {
			t.Errorf("%s: a program is answered with %d %s, passed %t", what, a.Code, a.Body, a.passed)
		}
	}
	// Open paths stay open, and the customer is a stranger there.
	for _, path := range []string{"/about", "/articles/1"} {
		if a := w.get("https://news.example.com"+path, cookie); !a.passed || a.identity != nil {
			t.Errorf("%s: %s is answered with %d, passed %t as %v", what, path, a.Code, a.passed, a.identity)
		}
	}
}

func (w *world) passes(t testing.TB, what string, cookie *http.Cookie, bearer string) {
	t.Helper()
	if a := w.get("https://news.example.com/a", cookie); !a.passed || a.identity == nil {
		t.Errorf("%s: the cookie is answered with %d %s, %v", what, a.Code, a.Body, a.err)
	}
	if a := w.send(request("GET", "https://news.example.com/a", map[string]string{"Authorization": "Bearer " + bearer})); !a.passed || a.identity == nil {
		t.Errorf("%s: the token is answered with %d %s, %v", what, a.Code, a.Body, a.err)
	}
}

func (w *world) mustAccept(t testing.TB, v viewer, version string) {
	t.Helper()
	must(t, w.store.AnswerConsents(context.Background(), v.customer.ID, []authstore.ConsentRecord{
		{Name: "terms", Version: version, State: authstore.Accepted},
	}))
	w.clock.Add(2 * time.Second) // what is due is remembered for a second
}

func TestConsentVersionRaisedDuringASessionStopsIt(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	w.passes(t, "before", cookie, v.bearer)

	w.reload(t, asking(terms("2")))
	w.stopped(t, "raised", cookie, v.bearer)
	w.mustAccept(t, v, "2")
	w.passes(t, "accepted", cookie, v.bearer)

	w.reload(t, asking(terms("3")))
	w.clock.Add(expired) // also where the token must be renewed first
	a := w.get("https://news.example.com/a", cookie)
	if a.passed || a.Code != http.StatusFound {
		t.Errorf("renewed: %d, passed %t", a.Code, a.passed)
	}
}

func TestTransitionLetsCustomersOfTheEarlierVersionPass(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	announced := terms("2")
	announced.TransitionUntil = w.clock.Now().Add(time.Hour)
	w.reload(t, asking(announced))
	w.passes(t, "in the transition", cookie, v.bearer)

	w.clock.Add(time.Hour)
	a := w.get("https://news.example.com/a", cookie)
	if a.passed || a.Code != http.StatusFound {
		t.Errorf("after the transition: %d, passed %t", a.Code, a.passed)
	}
}

func TestCaptureFieldMadeRequiredStopsWhereThePublisherWantsIt(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	p := asking(terms("1"))
	p.Capture = authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "companyName", Required: true}}}
	w.reload(t, p)
	w.passes(t, "not enforced", cookie, v.bearer)

	p.Capture.Enforced = true
	w.reload(t, p)
	w.stopped(t, "enforced", cookie, v.bearer)
	must(t, w.store.ChangeCapture(context.Background(), v.customer.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
		a.Values["companyName"] = "Nova"
		return nil
	}))
	w.clock.Add(2 * time.Second)
	w.passes(t, "answered", cookie, v.bearer)
}

func TestUnverifiedAddressStopsAfterItsTime(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	p := asking(terms("1"))
	p.VerifyEmail, p.VerifyWithin = true, time.Hour
	w.reload(t, p)
	w.passes(t, "in time", cookie, v.bearer)
	p.VerifyWithin = 0
	w.reload(t, p)
	w.stopped(t, "at once", cookie, v.bearer)
}

func TestCustomerWithSomethingDueCanSignOut(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	w.reload(t, asking(terms("2")))
	r := request("POST", "https://news.example.com/.usher/logout", map[string]string{"Origin": "https://news.example.com", "Sec-Fetch-Site": "same-origin"}, cookie)
	if a := w.send(r); a.Code != http.StatusOK {
		t.Fatalf("signing out: %d %s, %v", a.Code, a.Body, a.err)
	}
	if !w.sessions.Ended(v.session.ID) {
		t.Error("the session goes on")
	}
}

func TestStoreThatIsDownStopsOnlyTokensOfAnotherStamp(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	w.memory = gate.NewMemory()
	w.reload(t, asking(terms("1"))) // nothing remembered, nothing changed
	w.faulty.FailView(errDown)
	w.passes(t, "same demands", cookie, v.bearer)
	w.reload(t, asking(terms("2")))
	if a := w.get("https://news.example.com/a", cookie); a.passed || a.err == nil {
		t.Errorf("other demands: %d, passed %t, %v", a.Code, a.passed, a.err)
	}
}

func TestStampTellsEveryDemandApart(t *testing.T) {
	base := asking(terms("1"))
	changed := map[string]func(*authstore.Publisher){
		"version":    func(p *authstore.Publisher) { p.Consents[0].Version = "2" },
		"transition": func(p *authstore.Publisher) { p.Consents[0].TransitionUntil = time.Unix(1, 0) },
		"another": func(p *authstore.Publisher) {
			p.Consents = append(p.Consents, authstore.ConsentDefinition{Name: "age", Required: true})
		},
		"verify": func(p *authstore.Publisher) { p.VerifyEmail = true },
		"within": func(p *authstore.Publisher) { p.VerifyWithin = time.Hour },
		"capture": func(p *authstore.Publisher) {
			p.Capture = authstore.Capture{Enabled: true, Enforced: true, Fields: []authstore.CaptureField{{Key: "email", Required: true}}}
		},
		// Not demanded of everybody, but tokens tell what was answered.
		"optional": func(p *authstore.Publisher) {
			p.Consents = append(p.Consents, authstore.ConsentDefinition{Name: "age"})
		},
		"optional version": func(p *authstore.Publisher) {
			p.Consents = append(p.Consents, authstore.ConsentDefinition{Name: "age", Version: "7"})
		},
		"not enforced": func(p *authstore.Publisher) {
			p.Capture = authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "email", Required: true}}}
		},
	}
	seen := map[string]string{flow.Stamp(base): "nothing"}
	for name, change := range changed {
		p := asking(terms("1"))
		change(&p)
		if other, twice := seen[flow.Stamp(p)]; twice {
			t.Errorf("%s is taken for %s", name, other)
		}
		seen[flow.Stamp(p)] = name
	}
}

func TestConsentVersionPublishedDuringASessionStopsItsNextRequest(t *testing.T) {
	w := newWorld(t)
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	w.passes(t, "before", cookie, v.bearer)
	theirs := authstore.Publisher{ID: theirs, Name: "Theirs", Sites: []string{string(other)}}

	must(t, w.directory.Replace([]authstore.Publisher{asking(terms("2")), theirs}))
	w.stopped(t, "published", cookie, v.bearer)
	w.mustAccept(t, v, "2")
	w.passes(t, "accepted", cookie, v.bearer)

	must(t, w.directory.Replace([]authstore.Publisher{asking(terms("3")), theirs}))
	w.stopped(t, "published again", cookie, v.bearer)
	must(t, w.directory.Replace([]authstore.Publisher{asking(terms("2")), theirs}))
	w.clock.Add(2 * time.Second) // what is due is remembered for a second
	w.passes(t, "withdrawn", cookie, v.bearer)
}
