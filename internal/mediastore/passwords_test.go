// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
)

func askReset(email string) string {
	return document(map[string]any{"customerEmail": email, "publisherId": "100000001"})
}

// mailedToken finds the secret in the link of a reset mail.
var mailedToken = regexp.MustCompile(`(?:resetPasswordToken|token)=([A-Za-z0-9_-]+)`)

// mustLink asks for a reset mail and returns the link in it and its secret.
func (w *world) mustLink(t testing.TB, body string) (link, secret string) {
	t.Helper()
	w.call(t, "PUT", "/customers/passwords", body).is(t, done, "")
	mails := w.mailed(t, notice.Reset)
	if len(mails) != 1 || !mailedToken.MatchString(mails[0].link) {
		t.Fatalf("mails %+v, want one with a secret", mails)
	}
	return mails[0].link, mailedToken.FindStringSubmatch(mails[0].link)[1]
}

func TestResetMailLeadsToThePageThatIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "an+na@example.com")
	const own, added = "https://id.example.com/reset?publisher=100000001&token=TOKEN", "email=an%2Bna%40example.com&publisherId=100000001&resetPasswordToken=TOKEN"
	for _, tt := range []struct{ members, want string }{
		{`"publisherId":"100000001"`, own},
		{`"publisherId":100000001,"resetUrl":""`, own},
		{`"publisherId":"100000001","resetUrl":null`, own},
		{`"offerId":"S100000001_US","resetUrl":""`, own},
		{`"publisherId":"100000001","resetUrl":"https://news.example.com"`, "https://news.example.com?" + added},
		{`"publisherId":"100000001","resetUrl":"https://app.example/reset"`, "https://app.example/reset?" + added},
		{`"publisherId":"100000001","resetUrl":"https://app.example/?u=edit-password"`, "https://app.example/?u=edit-password&" + added},
		{`"publisherId":"100000001","resetUrl":"https://eu.apps.example/?b=2&a=x%20y&b=1#form"`, "https://eu.apps.example/?b=2&a=x%20y&b=1&" + added + "#form"},
	} {
		link, secret := w.mustLink(t, `{"customerEmail":"AN+na@example.com",`+tt.members+`}`)
		if got := strings.Replace(link, secret, "TOKEN", 1); got != tt.want || len(secret) < 40 {
			t.Errorf("%s: mailed %s, want %s", tt.members, link, tt.want)
		}
		w.clock.Add(time.Hour) // few mails an hour go to one address
	}
}

func TestResetURLsOfOthersAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{
		"x", "/reset", "//app.example/", "http://app.example/", "https://app.example:8443/", "https://evil.example/", "https://app.example.evil.example/",
		"https://apps.example/", "https://app.example@evil.example/", "https://user@app.example/", `https://app.example\@evil.example/`,
		"https://app.example /", " https://app.example/", "https://*.apps.example/", "javascript:alert(1)", "https:app.example",
	} {
		body := document(map[string]any{"customerEmail": "anna@example.com", "publisherId": "100000001", "resetUrl": bad})
		w.call(t, "PUT", "/customers/passwords", body).refused(t, 400, "REQ0001", "resetUrl is not valid URL.")
		if t.Failed() {
			t.Fatal(bad)
		}
	}
}

func TestAskingForAResetIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		body    string
		status  int
		code    string
		message string
	}{
		{`{"customerEmail":"anna@example.com"}`, 400, "REQ0001", "Empty param offerId or publisherId"},
		{`{"customerEmail":"anna@example.com","publisherId":"","offerId":""}`, 400, "REQ0001", "Empty param offerId or publisherId"},
		{`{"publisherId":"100000001"}`, 400, "REQ0001", "Invalid param email"},
		{`{"customerEmail":"anna","publisherId":"100000001"}`, 400, "REQ0001", "Invalid param email"},
		{`{"customerEmail":5,"publisherId":"100000001"}`, 400, "REQ0001", "Invalid param customerEmail"},
		{`{"customerEmail":"anna@example.com","publisherId":"100000001","resetUrl":5}`, 400, "REQ0001", "Invalid param resetUrl"},
		{`{"customerEmail":"anna@example.com","publisherId":"100000009"}`, 422, "REQ0100", "Offer or publisher not found"},
		{`{"customerEmail":"anna@example.com","offerId":"S100000009_US"}`, 422, "REQ0100", "Offer or publisher not found"},
		{`[]`, 400, "REQ0001", "Invalid request body"},
	} {
		w.call(t, "PUT", "/customers/passwords", tt.body).refused(t, tt.status, tt.code, tt.message)
		if t.Failed() {
			t.Fatal(tt.body)
		}
	}
}

func TestAskingForAResetDoesNotTellWhoHasAnAccount(t *testing.T) {
	w := newWorld(t)
	_, _, id := w.mustRegister(t, ours, "disabled@example.com")
	w.mustDisable(t, id)
	w.mustRegister(t, theirs, "abroad@example.com")
	w.mustRegister(t, ours, "anna@example.com")
	for _, address := range []string{"nobody@example.com", "disabled@example.com", "abroad@example.com"} {
		w.call(t, "PUT", "/customers/passwords", askReset(address)).is(t, done, "")
	}
	if got := w.mailed(t, notice.Reset); len(got) != 0 {
		t.Errorf("mails %+v, want none", got)
	}
	for range 7 {
		w.call(t, "PUT", "/customers/passwords", askReset("anna@example.com")).is(t, done, "")
	}
	if got := w.mailed(t, notice.Reset); len(got) != 5 {
		t.Errorf("%d mails to one address, want 5", len(got))
	}
}

// The publisher theirs wants it told.
func TestPublisherMayHaveItToldThatNobodyHasAnAddress(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	w.mustRegister(t, theirs, "bert@example.com")
	_, _, id := w.mustRegister(t, theirs, "disabled@example.com")
	w.mustDisable(t, id)
	ask := func(address, tenant string) answer {
		return w.call(t, "PUT", "/customers/passwords", `{"customerEmail":"`+address+`",`+tenant+`}`)
	}
	for _, tenant := range []string{`"publisherId":"100000002"`, `"offerId":"S100000002_US"`} {
		ask("nobody@example.com", tenant).refused(t, 404, "USER0004", "Customer nobody@example.com does not exist.")
		ask("anna@example.com", tenant).refused(t, 404, "USER0004", "Customer anna@example.com does not exist.")
		ask("bert", tenant).refused(t, 400, "REQ0001", "Invalid param email")
	}
	for range 7 { // more than there are mails for
		ask("BERT@example.com", `"publisherId":"100000002"`).is(t, done, "")
	}
	ask("disabled@example.com", `"publisherId":"100000002"`).is(t, done, "")
	ask("nobody@example.com", `"publisherId":"100000001"`).is(t, done, "")
	if got := w.mailed(t, notice.Reset); len(got) != 5 {
		t.Errorf("%d mails, want 5", len(got))
	}
}

func TestTooManyResetsAreToldToWait(t *testing.T) {
	w := newWorld(t)
	for range 60 {
		w.call(t, "PUT", "/customers/passwords", askReset("nobody@example.com")).is(t, done, "")
	}
	a := w.call(t, "PUT", "/customers/passwords", askReset("nobody@example.com"))
	a.refused(t, 429, "REQ0429", "Too many requests")
	if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 || wait > 60 {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
}

// newPassword is a body of PATCH /customers/passwords with some members
// replaced; nil removes one.
func newPassword(secret string, change map[string]any) string {
	members := map[string]any{
		"publisherId": "100000001", "customerEmail": "anna@example.com", "resetPasswordToken": secret, "newPassword": "another horse 9",
		"newPasswordConfirmation": "something else", // sent by one client, and ignored
	}
	for name, v := range change {
		members[name] = v
		if v == nil {
			delete(members, name)
		}
	}
	return document(members)
}

func TestNewPasswordIsSetAndEndsEverySession(t *testing.T) {
	w := newWorld(t)
	jwt, refreshToken, id := w.mustRegister(t, ours, "anna@example.com")
	_, secret := w.mustLink(t, askReset("anna@example.com"))
	w.call(t, "PATCH", "/customers/passwords", newPassword(secret, nil)).is(t, done, "")
	if mails := w.mailed(t, notice.PasswordChanged); len(mails) != 1 || mails[0].to != "anna@example.com" {
		t.Errorf("mails %+v", mails)
	}
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "POST", "/auths/refresh_token", refresh(refreshToken)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
	w.call(t, "POST", "/auths", login("anna@example.com", password)).refused(t, 401, "USER0001", "Wrong email or password")
	if a := w.call(t, "POST", "/auths", login("anna@example.com", "another horse 9")); a.status != http.StatusOK {
		t.Errorf("with the new password: %d %s", a.status, a.body)
	}
	w.call(t, "PATCH", "/customers/passwords", newPassword(secret, nil)).refused(t, 422, "REQ0001", "resetPasswordToken is not valid or has expired")
}

func TestNewPasswordIsForTheCustomerWhomTheBodyNames(t *testing.T) {
	w := newWorld(t)
	_, _, id := w.mustRegister(t, ours, "anna@example.com")
	_, _, other := w.mustRegister(t, ours, "bert@example.com")
	number, err := strconv.Atoi(id)
	must(t, err)
	for _, tt := range []struct {
		change map[string]any
		works  bool
	}{
		{map[string]any{"customerEmail": "ANNA@example.com"}, true},
		{map[string]any{"customerEmail": nil, "customerId": id}, true},
		{map[string]any{"customerEmail": "", "customerId": number}, true},
		{map[string]any{"publisherId": 100000001}, true},
		{map[string]any{"publisherId": nil, "offerId": "S100000001_US"}, true},
		{map[string]any{"customerEmail": "bert@example.com"}, false},
		{map[string]any{"customerEmail": "anna"}, false},
		{map[string]any{"customerEmail": nil, "customerId": other}, false},
		{map[string]any{"customerEmail": nil, "customerId": "x"}, false},
		{map[string]any{"customerId": other}, false}, // the id counts
		{map[string]any{"publisherId": "100000002"}, false},
	} {
		_, secret := w.mustLink(t, askReset("anna@example.com"))
		a := w.call(t, "PATCH", "/customers/passwords", newPassword(secret, tt.change))
		if tt.works {
			a.is(t, done, "")
		} else {
			a.refused(t, 422, "REQ0001", "resetPasswordToken is not valid or has expired")
		}
		if t.Failed() {
			t.Fatal(tt.change)
		}
		w.clock.Add(time.Hour)
	}
}

func TestNewPasswordIsRefusedAndTheLinkStaysGood(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	_, secret := w.mustLink(t, askReset("anna@example.com"))
	for _, tt := range []struct {
		change  map[string]any
		status  int
		code    string
		message string
	}{
		{map[string]any{"publisherId": nil}, 400, "REQ0001", "Empty param offerId or publisherId"},
		{map[string]any{"publisherId": "100000009"}, 422, "REQ0100", "Offer or publisher not found"},
		{map[string]any{"customerEmail": nil}, 400, "REQ0001", "Empty param customerId or customerEmail"},
		{map[string]any{"customerEmail": "", "customerId": ""}, 400, "REQ0001", "Empty param customerId or customerEmail"},
		{map[string]any{"customerEmail": nil, "customerId": true}, 400, "REQ0001", "Invalid param customerId"},
		{map[string]any{"customerEmail": 5}, 400, "REQ0001", "Invalid param customerEmail"},
		{map[string]any{"resetPasswordToken": nil}, 422, "REQ0001", "resetPasswordToken is not valid or has expired"},
		{map[string]any{"resetPasswordToken": secret + "x"}, 422, "REQ0001", "resetPasswordToken is not valid or has expired"},
		{map[string]any{"resetPasswordToken": 5}, 400, "REQ0001", "Invalid param resetPasswordToken"},
		{map[string]any{"newPassword": nil}, 400, "REQ0001", "invalid param password: password is too short"},
		{map[string]any{"newPassword": "a1b2c3d"}, 400, "REQ0001", "invalid param password: password is too short"},
		{map[string]any{"newPassword": strings.Repeat("a1", 65)}, 400, "REQ0001", "invalid param password: password is too long"},
		{map[string]any{"newPassword": "12345678"}, 400, "REQ0001", "invalid param password: password needs a letter and a digit or symbol"},
		{map[string]any{"newPassword": "password1"}, 400, "REQ0001", "invalid param password: score does not match standards, password is too common"},
		{map[string]any{"newPassword": 5}, 400, "REQ0001", "Invalid param newPassword"},
	} {
		w.call(t, "PATCH", "/customers/passwords", newPassword(secret, tt.change)).refused(t, tt.status, tt.code, tt.message)
		if t.Failed() {
			t.Fatal(tt.change)
		}
	}
	w.call(t, "PATCH", "/customers/passwords", newPassword(secret, nil)).is(t, done, "")
}

func TestResetLinkLivesAnHourAndUntilTheNextOne(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	const dead = "resetPasswordToken is not valid or has expired"
	_, first := w.mustLink(t, askReset("anna@example.com"))
	_, second := w.mustLink(t, askReset("anna@example.com"))
	w.call(t, "PATCH", "/customers/passwords", newPassword(first, nil)).refused(t, 422, "REQ0001", dead)
	w.clock.Add(time.Hour)
	w.call(t, "PATCH", "/customers/passwords", newPassword(second, nil)).refused(t, 422, "REQ0001", dead)
	_, third := w.mustLink(t, askReset("anna@example.com"))
	w.clock.Add(time.Hour - time.Second)
	w.call(t, "PATCH", "/customers/passwords", newPassword(third, nil)).is(t, done, "")
}

func TestResetsWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	for method, body := range map[string]string{"PUT": askReset("anna@example.com"), "PATCH": newPassword("x", nil)} {
		w.faulty.FailView(errDown)
		w.call(t, method, "/customers/passwords", body).refused(t, 500, "S0001", "Internal Server Error")
	}
	w.faulty.FailView(context.Canceled)
	w.call(t, "PUT", "/customers/passwords", askReset("anna@example.com")).refused(t, 500, "S0001", "Internal Server Error")
	if len(w.reported) != 2 {
		t.Errorf("reported %v", w.reported)
	}
}
