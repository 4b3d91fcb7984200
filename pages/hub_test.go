// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

// form posts a form as the hub's own page does.
func (w *world) form(target string, cookies map[string]string, fields ...string) *httptest.ResponseRecorder {
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	p := &player{world: w, jars: map[string]map[string]string{" id.example.com": cookies}}
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, p.asking("POST", hub+target, values))
	return recorder
}

func cookieOfHub(t *testing.T, recorder *httptest.ResponseRecorder) string {
	t.Helper()
	for _, c := range recorder.Result().Cookies() {
		if c.Name == "__Host-usher-hub" {
			return c.Value
		}
	}
	t.Fatalf("status %d without a cookie of the hub", recorder.Code)
	return ""
}

// page opens a page with one cookie of the hub.
func (w *world) page(target, cookie string) *httptest.ResponseRecorder {
	p := &player{world: w, jars: map[string]map[string]string{" id.example.com": {"__Host-usher-hub": cookie}}}
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, p.asking("GET", hub+target, nil))
	return recorder
}

const password = "correct horse 9"

// What was known of a browser's session before a login is worth nothing
// afterwards.
func TestSessionSetBeforeLoginDoesNotSurviveIt(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	before := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	after := cookieOfHub(t, w.form("/login", map[string]string{"__Host-usher-hub": before}, "email", "anna@example.com", "password", password))
	if before == after {
		t.Error("the cookie stays the same")
	}
	if page := w.page("/", before).Body.String(); strings.Contains(page, "anna@example.com") {
		t.Error("the old cookie is still good")
	}
	if page := w.page("/", after).Body.String(); !strings.Contains(page, "anna@example.com") {
		t.Error("the new cookie is refused")
	}
}

// A cookie that somebody put into the browser does not become a session.
func TestForgedCookiesAreNoSession(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	good := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	id, proof, _ := strings.Cut(good, ".")
	for _, forged := range []string{
		"", ".", id, id + ".", id + "." + proof[:len(proof)-1], id + "." + proof + "x", proof + "." + id, "." + proof,
		strings.Repeat("x~", 100) + good, // beyond what is looked at
	} {
		if page := w.page("/", forged).Body.String(); strings.Contains(page, "anna@example.com") {
			t.Errorf("%q is good", forged)
		}
	}
}

func TestAnswersToConsentsAreEvidence(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "consents")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password, "consent.terms", "1", "consent.marketing", "1"))
	c, _, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com")
	must(t, err)
	check := func(name string, state authstore.ConsentState, version string) {
		t.Helper()
		history, err := w.store.ConsentHistory(w.ctx, c.ID)
		must(t, err)
		var r authstore.ConsentRecord
		for _, given := range history {
			if given.Name == name {
				r = given
			}
		}
		if r.State != state || r.Version != version || r.IP != "203.0.113.7" || r.TextHash == "" || !r.Time.Equal(w.clock.Now()) {
			t.Errorf("%s: %+v, want %s at version %s", name, r, state, version)
		}
	}
	check("terms", authstore.Accepted, "1")
	check("marketing", authstore.Accepted, "1")
	check("survey", authstore.Declined, "1")

	w.clock.Add(time.Minute)
	w.configure(t, "terms 2")
	recorder := w.form("/consents", map[string]string{"__Host-usher-hub": cookie}, "consent.terms", "2")
	if recorder.Code != http.StatusSeeOther {
		t.Fatalf("status %d", recorder.Code)
	}
	check("terms", authstore.Accepted, "2")
	history, err := w.store.ConsentHistory(w.ctx, c.ID)
	if err != nil || len(history) != 4 {
		t.Errorf("%d answers, %v: what was not asked was answered", len(history), err)
	}
}

// Whoever opens a page changes nothing by that: not a step, not a mailed link.
func TestOpeningAPageWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.configure(t, "everything")
	w.form("/verify/again", map[string]string{"__Host-usher-hub": cookie})
	link := linkInMail.FindString((<-w.mails).Text)
	w.faulty.FailUpdate(errDown)
	for _, target := range []string{
		strings.TrimPrefix(link, hub), "/verify", "/verify?done=sent", "/consents", "/capture", "/account/answers", "/undo-email", "/forgot", "/",
	} {
		if recorder := w.page(target, cookie); recorder.Code != http.StatusOK && recorder.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", target, recorder.Code)
		}
	}
	if recorder := w.form("/capture", map[string]string{"__Host-usher-hub": cookie}, "skip", "1"); recorder.Code != http.StatusInternalServerError {
		t.Errorf("the first write is not this one: status %d", recorder.Code)
	}
}

func TestCustomerIsStoredWithWhatTheBrowserTold(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	w.form("/register", nil, "email", " Anna@Example.com ", "password", password, "firstName", "Boss", "id", "1", "publisherId", "2", "disabled", "true")
	c, _, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com")
	must(t, err)
	if c.Email != "Anna@Example.com" || c.LastIP != "203.0.113.7" || c.PublisherID != 100000001 || c.FirstName != "" || c.Disabled || c.Country == "" {
		t.Errorf("stored %+v", c)
	}
	sessions, err := w.store.CustomerSessions(w.ctx, c.ID)
	if err != nil || len(sessions) != 1 || sessions[0].IP != "203.0.113.7" || sessions[0].Refresh != nil || sessions[0].HubDigest == "" {
		t.Errorf("sessions %+v, %v", sessions, err)
	}
}

func TestBusyHubAsksToComeBack(t *testing.T) {
	w := newWorld(t)
	w.hasher = customer.NewHasher(1, 1)
	w.configure(t, "plain")
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for i := range 12 {
		all.Go(func() {
			recorder := w.form("/login", nil, "email", "a"+strconv.Itoa(i)+"@example.com", "password", password)
			mu.Lock()
			defer mu.Unlock()
			statuses[recorder.Code]++
			if recorder.Code == http.StatusServiceUnavailable && recorder.Header().Get("Retry-After") != "2" {
				t.Errorf("Retry-After %q, want 2", recorder.Header().Get("Retry-After"))
			}
		})
	}
	all.Wait()
	if statuses[503] < 1 || statuses[401] < 2 || statuses[503]+statuses[401] != 12 {
		t.Errorf("statuses %v, want some 401 and some 503", statuses)
	}
}
