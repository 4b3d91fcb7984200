// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/i18n"
	"github.com/usher-sso/usher/internal/locale"
)

// accountAddresses are the pages of the account.
var accountAddresses = []string{
	"/account", "/account/profile", "/account/email", "/account/password", "/account/consents", "/account/answers",
	"/account/sessions", "/account/export", "/account/delete",
}

func TestLookingAtTheAccountWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "capture")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	w.faulty.FailUpdate(errDown)
	for _, at := range accountAddresses {
		if page := w.page(at, cookie); page.Code != http.StatusOK {
			t.Errorf("%s: status %d", at, page.Code)
		}
	}
}

func TestAccountSaysSoWhenTheStoreFails(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "capture")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	for _, at := range accountAddresses {
		w.faulty.FailView(errDown)
		if page := w.page(at, cookie); page.Code != http.StatusInternalServerError || strings.Contains(page.Body.String(), "anna@") {
			t.Errorf("%s: status %d", at, page.Code)
		}
	}
}

func TestExportIsAFileOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "consents")
	w.form("/register", nil, "email", "eve@example.com", "password", password, "consent.terms", "1")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password, "consent.terms", "1"))
	a := w.form("/account/export", map[string]string{"__Host-usher-hub": cookie}, "current", password)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Content-Disposition": `attachment; filename="account-2026-03-01.json"`,
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	var export struct {
		Customer authstore.Customer
		Consents []authstore.ConsentRecord
		Sessions []struct{ IP string }
	}
	if err := json.Unmarshal(a.Body.Bytes(), &export); err != nil || export.Customer.Email != "anna@example.com" || len(export.Consents) != 3 ||
		len(export.Sessions) != 1 || export.Sessions[0].IP != "203.0.113.7" || strings.Contains(a.Body.String(), "eve@") {
		t.Errorf("export %s, %v", a.Body, err)
	}
}

// Who came by the publisher's own login is led to a password.
func TestWithoutPasswordTheWayToOneIsShown(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	c, i, err := w.store.CustomerByIdentity(w.ctx, 100000001, authstore.ProviderPassword, "anna@example.com")
	must(t, err)
	if done, err := w.store.SetPassword(w.ctx, i, i.Password, ""); err != nil || !done {
		t.Fatal(done, err)
	}
	for _, at := range []string{"/account/email", "/account/password", "/account/export", "/account/delete"} {
		page := w.page(at, cookie).Body.String()
		if !strings.Contains(page, `href="/forgot"`) || strings.Contains(page, `name="current"`) {
			t.Errorf("%s: %s", at, page)
		}
		a := w.form(at, map[string]string{"__Host-usher-hub": cookie}, "current", "", "understood", "yes", "password", "battery staple 7", "email", "new@example.com")
		if a.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d without a password", at, a.Code)
		}
	}
	if now, err := w.store.Customer(w.ctx, c.ID); err != nil || now != c {
		t.Errorf("customer %+v, %v", now, err)
	}
}

// Whatever a page offers to choose is what may be chosen.
func TestEveryCountryInTheListIsOne(t *testing.T) {
	catalog, err := i18n.Load()
	must(t, err)
	for _, l := range catalog.All() {
		list := l.Countries()
		if len(list) < 240 {
			t.Errorf("%s: %d countries", l.Tag, len(list))
		}
		for _, c := range list {
			if !locale.IsCountry(c.Code) || c.Name == "" {
				t.Errorf("%s: %+v", l.Tag, c)
			}
		}
	}
}

// What a customer must be able to do does not wait for a step.
func TestStepsLeadToTheAccount(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "consents")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password, "consent.terms", "1"))
	w.configure(t, "terms 2")
	if page := w.page("/consents", cookie).Body.String(); !strings.Contains(page, `<a href="/account">`) {
		t.Error(page)
	}
	if page := w.page("/login", "").Body.String(); strings.Contains(page, `href="/account"`) {
		t.Error("who is not signed in is led to an account")
	}
}

// The pages of the account do not lead to it, and the front page does once.
func TestTheAccountIsLinkedOnce(t *testing.T) {
	w := newWorld(t)
	w.configure(t, "plain")
	cookie := cookieOfHub(t, w.form("/register", nil, "email", "anna@example.com", "password", password))
	for path, want := range map[string]int{"/": 1, "/account": 0, "/account/email": 0} {
		body := w.page(path, cookie).Body.String()
		if _, footer, _ := strings.Cut(body, "<footer"); path != "/" {
			body = footer
		}
		if got := strings.Count(body, `href="/account"`); got != want {
			t.Errorf("%s: %d links to the account, want %d", path, got, want)
		}
	}
}
