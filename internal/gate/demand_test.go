// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/sso"
)

// demanding is a world whose gate demands something.
func demanding(t testing.TB, demands ...gate.Demand) *world {
	t.Helper()
	w := newWorld(t)
	w.demands = demands
	p := asking(terms("1"), authstore.ConsentDefinition{Name: "marketing", Version: "1", Label: "News."})
	p.Capture = authstore.Capture{Enabled: true, Fields: []authstore.CaptureField{{Key: "companyName", Required: true}}}
	w.reload(t, p, authstore.Publisher{ID: theirs, Name: "Theirs", Sites: []string{string(other)}})
	return w
}

// led returns what a person is led to the hub for, and fails when they are not.
func (w *world) led(t testing.TB, path string, cookies ...*http.Cookie) sso.Needs {
	t.Helper()
	a := w.get(string(news)+path, cookies...)
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	if a.passed || a.Code != http.StatusFound || !strings.HasPrefix(to.String(), string(hub)) {
		t.Fatalf("%s: %d to %q, passed %t as %v, %v", path, a.Code, to, a.passed, a.identity, a.err)
	}
	asked, _, err := w.sso.ParseRequest(to.Query())
	must(t, err)
	return asked.Needs
}

// mustVerify notes that a viewer reads mail at their address, and waits for their
// cookie's token to run out, so that a new one tells.
func (w *world) mustVerify(t testing.TB, v viewer) {
	t.Helper()
	ctx, digest := context.Background(), secret.Digest(secret.New())
	must(t, w.store.IssueTicket(ctx, digest, authstore.Ticket{
		Purpose: "verify", PublisherID: ours, CustomerID: v.customer.ID, Expires: w.clock.Now().Add(time.Hour),
		Data: map[string]string{authstore.Address: v.customer.Email},
	}))
	_, err := w.store.VerifyEmail(ctx, authstore.EmailVerification{Digest: digest, Purpose: "verify", Publisher: ours})
	must(t, err)
	w.clock.Add(expired)
}

// mustAnswerCapture answers what the publisher must know of a viewer.
func (w *world) mustAnswerCapture(t testing.TB, v viewer) {
	t.Helper()
	must(t, w.store.ChangeCapture(context.Background(), v.customer.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
		a.Submitted, a.Values = w.clock.Now(), map[string]string{"companyName": "Ours"}
		return nil
	}))
	w.clock.Add(expired)
}

func TestDemandIsMetAtTheHub(t *testing.T) {
	consents := func(w *world, v viewer) {
		must(t, w.store.AnswerConsents(context.Background(), v.customer.ID, []authstore.ConsentRecord{{Name: "marketing", Version: "1", State: authstore.Accepted}}))
		w.clock.Add(expired)
	}
	for name, tt := range map[string]struct {
		needs sso.Needs
		meet  func(*world, viewer)
	}{
		"verified e-mail": {sso.Needs{VerifiedEmail: true}, func(w *world, v viewer) { w.mustVerify(t, v) }},
		"consent":         {sso.Needs{Consents: []string{"marketing"}}, consents},
		"capture":         {sso.Needs{Captured: true}, func(w *world, v viewer) { w.mustAnswerCapture(t, v) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := demanding(t, gate.Demand{Paths: []string{"/premium/*"}, Needs: tt.needs})
			v := w.mustViewer(t, ours)
			cookie := w.signIn(t, news, v)
			if !w.get(string(news)+"/live", cookie).passed {
				t.Error("a path without the demand is refused")
			}
			for range 2 {
				if got := w.led(t, "/premium/1", cookie); !reflect.DeepEqual(got, tt.needs) {
					t.Errorf("led for %+v, want %+v", got, tt.needs)
				}
			}
			if got := w.led(t, "/premium/1"); !reflect.DeepEqual(got, tt.needs) {
				t.Errorf("a stranger is led for %+v, want %+v", got, tt.needs)
			}
			if got := w.led(t, "/live"); !got.None() {
				t.Errorf("a stranger elsewhere is led for %+v", got)
			}
			tt.meet(w, v)
			if a := w.get(string(news)+"/premium/1", cookie); !a.passed || a.identity == nil {
				t.Errorf("met: %d to %s, %v", a.Code, a.Header().Get("Location"), a.err)
			}
		})
	}
}

func TestSignInMustBeYoungEnough(t *testing.T) {
	w := demanding(t, gate.Demand{Paths: []string{"/account/*"}, Needs: sso.Needs{MaxAge: 10 * time.Minute}})
	v := w.mustViewer(t, ours)
	cookie := w.signIn(t, news, v)
	w.clock.Add(10*time.Minute - time.Second)
	if !w.get(string(news)+"/account/1", cookie).passed {
		t.Error("refused in the last second")
	}
	w.clock.Add(time.Second)
	if got := w.led(t, "/account/1", cookie); got.MaxAge != 10*time.Minute {
		t.Errorf("led for %+v", got)
	}
	if got := w.led(t, "/account/1"); !got.None() { // whoever signs in now is young enough
		t.Errorf("a stranger is led for %+v", got)
	}
	a := w.send(request("GET", string(news)+"/account/1", map[string]string{"Authorization": "Bearer " + v.bearer}))
	if a.Code != http.StatusUnauthorized || a.Header().Get("WWW-Authenticate") != `Bearer error="insufficient_user_authentication", max_age="600"` {
		t.Errorf("a program is told %d %v", a.Code, a.Header())
	}
	_, err := w.store.JudgeSession(context.Background(), v.session.ID, time.Minute, func(s *authstore.Session) (authstore.Verdict, error) {
		s.Confirmed = w.clock.Now()
		return authstore.Save, nil
	})
	must(t, err)
	w.clock.Add(6 * time.Minute) // the cookie's token has to be renewed
	if a := w.get(string(news)+"/account/1", cookie); !a.passed {
		t.Errorf("after a confirmation: %d, %v", a.Code, a.err)
	}
}

func TestClaimIsTrueOrForbidden(t *testing.T) {
	for name, tt := range map[string]struct {
		claim func(viewer) gate.Claim
		pass  bool
	}{
		"customer":         {func(v viewer) gate.Claim { return gate.Claim{Name: "customer_id", Values: []string{v.id()}} }, true},
		"one of two":       {func(v viewer) gate.Claim { return gate.Claim{Name: "customer_id", Values: []string{"1", v.id()}} }, true},
		"another customer": {func(viewer) gate.Claim { return gate.Claim{Name: "customer_id", Values: []string{"1"}} }, false},
		"publisher":        {func(viewer) gate.Claim { return gate.Claim{Name: "publisher_id", Values: []string{strconv.Itoa(ours)}} }, true},
		"another publisher": {func(viewer) gate.Claim {
			return gate.Claim{Name: "publisher_id", Values: []string{strconv.Itoa(theirs)}}
		}, false},
		"no offer":             {func(viewer) gate.Claim { return gate.Claim{Name: "offer_id", Values: []string{"S1_US"}} }, false},
		"no offer, open claim": {func(viewer) gate.Claim { return gate.Claim{Name: "offer_id", Values: []string{"*US"}} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := demanding(t)
			v := w.mustViewer(t, ours)
			w.demands = []gate.Demand{{Claim: tt.claim(v)}}
			w.reload(t, asking(terms("1")))
			cookie := w.signInAt(t, "/about", v)
			a := w.get(string(news)+"/live", cookie)
			if a.passed != tt.pass || !tt.pass && (a.Code != http.StatusForbidden || w.pages.kind != gate.ProblemForbidden) {
				t.Errorf("passed %t, status %d, problem %q, %v", a.passed, a.Code, w.pages.kind, a.err)
			}
			if !tt.pass && a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("an answer of the gate that may be kept: %v", a.Header())
			}
			a = w.send(request("GET", string(news)+"/live", map[string]string{"Authorization": "Bearer " + v.bearer}))
			if a.passed != tt.pass || !tt.pass && (a.Code != http.StatusForbidden || a.Body.String() != `{"error":"forbidden"}` ||
				a.Header().Get("WWW-Authenticate") != `Bearer error="insufficient_scope"`) {
				t.Errorf("program: passed %t, %d %s %v", a.passed, a.Code, a.Body, a.Header())
			}
		})
	}
}

func (v viewer) id() string { return strconv.FormatInt(v.customer.ID, 10) }

// An address that nobody has verified is one that anybody may have typed.
func TestClaimOfAnAddressNeedsItVerified(t *testing.T) {
	for _, tt := range []struct {
		values []string
		pass   bool
	}{
		{[]string{"*@example.com"}, true},
		{[]string{"ANNA@Example.com"}, true},
		{[]string{"*@ample.com"}, false},
		{[]string{"*@example.org", "bob@example.com"}, false},
	} {
		w := demanding(t, gate.Demand{Claim: gate.Claim{Name: "email", Values: tt.values}})
		v := w.mustViewer(t, ours)
		cookie := w.signInAt(t, "/about", v)
		if got := w.led(t, "/live", cookie); !reflect.DeepEqual(got, sso.Needs{VerifiedEmail: true}) {
			t.Errorf("%v: led for %+v", tt.values, got)
		}
		w.mustVerify(t, v)
		if a := w.get(string(news)+"/live", cookie); a.passed != tt.pass || !tt.pass && a.Code != http.StatusForbidden {
			t.Errorf("%v: verified: passed %t, %d", tt.values, a.passed, a.Code)
		}
	}
}

// signInAt signs a viewer in although the front page asks for more.
func (w *world) signInAt(t testing.TB, path string, v viewer) *http.Cookie {
	t.Helper()
	a := w.get(string(news) + "/.usher/login")
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	asked, _, err := w.sso.ParseRequest(to.Query())
	must(t, err)
	back, err := w.sso.Grant(context.Background(), asked, v.session)
	must(t, err)
	c, ok := w.get(back, a.Result().Cookies()...).cookie("__Host-usher")
	if !ok {
		t.Fatalf("no cookie on the way to %s", path)
	}
	return c
}

// A page that fetches something sends its visitor to where the program is told.
func TestProgramIsToldWhereItsVisitorGetsWhatIsDemanded(t *testing.T) {
	needs := sso.Needs{VerifiedEmail: true, Consents: []string{"marketing"}, MaxAge: time.Minute}
	w := demanding(t, gate.Demand{Paths: []string{"/api/*"}, Needs: needs})
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	w.clock.Add(2 * time.Minute)
	a := w.send(request("GET", string(news)+"/api/1", map[string]string{"Accept": "application/json"}, cookie))
	var told struct{ Error, LoginURL string }
	must(t, json.Unmarshal(a.Body.Bytes(), &told))
	if a.Code != http.StatusUnauthorized || told.Error != "interaction_required" {
		t.Fatalf("%d %s", a.Code, a.Body)
	}
	r := request("GET", told.LoginURL, page, cookie)
	r.Header.Set("Referer", string(news)+"/app")
	a = w.send(r)
	to, err := url.Parse(a.Header().Get("Location"))
	must(t, err)
	asked, _, err := w.sso.ParseRequest(to.Query())
	must(t, err)
	if !reflect.DeepEqual(asked.Needs, needs) || w.sso.PageAt(news, asked.Page) != string(news)+"/app" {
		t.Errorf("led for %+v, back to %s", asked.Needs, w.sso.PageAt(news, asked.Page))
	}
}

// Nobody can send a viewer to the hub for something that the site does not ask.
func TestNeedsThatTheSiteDidNotSealAreNone(t *testing.T) {
	w := demanding(t)
	sealed := w.sso.SealNeeds(sso.Needs{Consents: []string{"marketing"}}, sports)
	for name, needs := range map[string]string{
		"in clear": "consent:marketing", "of another site": sealed, "page": w.sso.SealPage("/x", news), "long": strings.Repeat("A", 5000), "empty": "",
	} {
		a := w.get(string(news) + "/.usher/login?needs=" + url.QueryEscape(needs))
		to, err := url.Parse(a.Header().Get("Location"))
		must(t, err)
		asked, _, err := w.sso.ParseRequest(to.Query())
		if err != nil || !asked.Needs.None() || to.Query().Has("needs") {
			t.Errorf("%s: %+v, %v", name, asked.Needs, err)
		}
	}
}

// A browser that came back from the hub with what was demanded, and shows none of
// it, would be sent there for ever.
func TestDemandThatTheHubCannotMeetEndsInAPage(t *testing.T) {
	w := demanding(t, gate.Demand{Paths: []string{"/premium/*"}, Needs: sso.Needs{VerifiedEmail: true}})
	v := w.mustViewer(t, ours)
	asked, pending := w.ask(t, news, "/premium/1")
	back, err := w.sso.Grant(context.Background(), asked, v.session) // a hub that does not know the demand
	must(t, err)
	a := w.get(back, pending...)
	cookies := a.Result().Cookies()
	kept := cookies[:0]
	for _, c := range cookies {
		if c.MaxAge >= 0 {
			kept = append(kept, c)
		}
	}
	a = w.get(string(news)+"/premium/1", kept...)
	if a.Code != http.StatusUnauthorized || w.pages.kind != gate.ProblemLoop {
		t.Errorf("status %d, problem %q, to %s", a.Code, w.pages.kind, a.Header().Get("Location"))
	}
	// With what another page demands, they have not been there yet.
	w.demands[0].Needs.Consents = []string{"marketing"}
	w.reload(t, asking(terms("1")))
	w.led(t, "/premium/1", kept...)
}

func TestDemandsJudgeEveryReadingOfAPath(t *testing.T) {
	demand := gate.Demand{Paths: []string{"/premium/*"}, Needs: sso.Needs{VerifiedEmail: true}}
	w := demanding(t, demand)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	for _, path := range []string{"/premium/1", "/premium//1", "/premium/a;b", "/premium/%41", "/premium%2f1", "/%70remium/1"} {
		if got := w.led(t, path, cookie); !got.VerifiedEmail {
			t.Errorf("%s: led for %+v", path, got)
		}
	}
	for _, path := range []string{"//premium/1", "/premium;a/1", "/;a/premium/1", "/x/../premium/1", "/premium/../x", "/x/%2e%2e/premium/1", "/premium%252f1"} {
		if a := w.get(string(news)+path, cookie); a.passed || a.Code != http.StatusBadRequest {
			t.Errorf("%s: passed %t, status %d, want 400", path, a.passed, a.Code)
		}
	}
	if a := w.get(string(news)+"/x;premium/1", cookie); !a.passed {
		t.Errorf("a path that is no premium one by any reading: %d", a.Code)
	}
}

// posts is about requests that change something, and fails on demand.
func posts(fail *error) gate.Matcher {
	return func(r *http.Request) (bool, error) { return r.Method == http.MethodPost, *fail }
}

func TestMatcherNarrowsAndOpens(t *testing.T) {
	var fail error
	w := demanding(t)
	policy, err := gate.NewPolicy(gate.Rules{
		Public:  []string{"/about"},
		Open:    []gate.Opener{{Access: gate.Public, Match: func(r *http.Request) (bool, error) { return r.Header.Get("X-Feed") != "", fail }}},
		Demands: []gate.Demand{{Match: posts(&fail), Needs: sso.Needs{VerifiedEmail: true}}},
	})
	must(t, err)
	w.Gate = w.with(policy)
	cookie := w.signIn(t, news, w.mustViewer(t, ours))
	if !w.get(string(news)+"/live", cookie).passed {
		t.Error("what the matcher is not about is refused")
	}
	if a := w.send(request("POST", string(news)+"/live", page, cookie)); a.passed || a.Code != http.StatusSeeOther {
		t.Errorf("what it is about: passed %t, %d", a.passed, a.Code)
	}
	feed := map[string]string{"X-Feed": "1"}
	if a := w.send(request("GET", string(news)+"/live", feed, cookie)); !a.passed || a.identity != nil {
		t.Errorf("opened: passed %t as %v", a.passed, a.identity)
	}
	// A path of two readings may be another to the matcher than to the app.
	for _, path := range []string{"//live", "/live;x", "/a/;/b"} {
		for _, headers := range []map[string]string{page, feed} {
			if a := w.send(request("GET", string(news)+path, headers, cookie)); a.passed || a.Code != http.StatusBadRequest {
				t.Errorf("%s: passed %t, %d, want 400", path, a.passed, a.Code)
			}
		}
	}
	if fail = errors.New("broken"); true {
		for _, r := range []*http.Request{request("GET", string(news)+"/live", page, cookie), request("POST", string(news)+"/live", page)} {
			if a := w.send(r); a.passed || !errors.Is(a.err, gate.ErrUnavailable) || !errors.Is(a.err, fail) {
				t.Errorf("a matcher that fails: passed %t, %v", a.passed, a.err)
			}
		}
		if a := w.get(string(news) + "/about"); !a.passed {
			t.Error("a public path needs no matcher")
		}
	}
}

func TestPolicyRefusesDemandsThatCannotBe(t *testing.T) {
	needs := sso.Needs{VerifiedEmail: true}
	for name, rules := range map[string]gate.Rules{
		"nothing":          {Demands: []gate.Demand{{}}},
		"open path":        {Public: []string{"/a/*"}, Demands: []gate.Demand{{Paths: []string{"/a/b"}, Needs: needs}}},
		"open tree":        {Optional: []string{"/*"}, Demands: []gate.Demand{{Paths: []string{"/a/*"}, Needs: needs}}},
		"odd path":         {Demands: []gate.Demand{{Paths: []string{"/a/.."}, Needs: needs}}},
		"reserved":         {Demands: []gate.Demand{{Paths: []string{"/.usher/*"}, Needs: needs}}},
		"no time":          {Demands: []gate.Demand{{Needs: sso.Needs{MaxAge: time.Second}}}},
		"negative":         {Demands: []gate.Demand{{Needs: sso.Needs{MaxAge: -time.Hour}}}},
		"unknown claim":    {Demands: []gate.Demand{{Claim: gate.Claim{Name: "sub", Values: []string{"1"}}}}},
		"claim of nothing": {Demands: []gate.Demand{{Claim: gate.Claim{Name: "email"}}}},
		"any value":        {Demands: []gate.Demand{{Claim: gate.Claim{Name: "offer_id", Values: []string{"*"}}}}},
		"empty value":      {Demands: []gate.Demand{{Claim: gate.Claim{Name: "offer_id", Values: []string{""}}}}},
		"any domain":       {Demands: []gate.Demand{{Claim: gate.Claim{Name: "email", Values: []string{"*example.com"}}}}},
		"too many":         {Demands: make([]gate.Demand, 65)},
	} {
		if _, err := gate.NewPolicy(rules); err == nil {
			t.Errorf("%s: a policy is made", name)
		}
	}
}
