// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// proof is the header that the servers of the publisher ours send.
func proof() []string { return []string{"X-Publisher-Token", apiToken} }

func TestTrustedLogin(t *testing.T) {
	w := newWorld(t)
	_, _, id := w.mustRegister(t, ours, "anna@example.com")
	for _, tt := range []struct{ body, lastIP string }{
		{`{"customerEmail":"anna@example.com","customerIP":"192.0.2.9"}`, "192.0.2.9"},
		{`{"email":"ANNA@example.com","customerIP":"::ffff:192.0.2.8"}`, "192.0.2.8"},
		{`{"customerEmail":"anna@example.com","email":"other@example.com"}`, "192.0.2.8"}, // stays, for the caller is a server
		{`{"customerEmail":"","email":"anna@example.com","customerIP":""}`, "192.0.2.8"},
		{`{"customerEmail":"anna@example.com","customerIP":"2001:db8::1","unknown":1}`, "2001:db8::1"},
	} {
		w.clock.Add(time.Minute)
		a := w.call(t, "POST", "/sso/auths", tt.body, proof()...)
		if a.status != http.StatusOK || len(a.data) != 2 {
			t.Fatalf("%s: %d %s", tt.body, a.status, a.body)
		}
		if got := w.call(t, "GET", "/customers/"+id, "", bearer(a.text(t, "jwt"))...); got.status != http.StatusOK {
			t.Errorf("%s: the token is not the customer's: %d %s", tt.body, got.status, got.body)
		}
		if got := w.call(t, "POST", "/auths/refresh_token", refresh(a.text(t, "refreshToken"))); got.status != http.StatusOK {
			t.Errorf("%s: the refresh token: %d %s", tt.body, got.status, got.body)
		}
		if c := w.mustRead(t, id); c.LastIP != tt.lastIP || !c.LastLogin.Equal(w.clock.Now()) {
			t.Errorf("%s: last login %v from %s", tt.body, c.LastLogin, c.LastIP)
		}
	}
}

func TestTrustedLoginCreatesTheCustomer(t *testing.T) {
	w := newWorld(t)
	a := w.call(t, "POST", "/sso/auths", `{"customerEmail":"new@example.com","customerIP":"193.99.144.80"}`, proof()...)
	claims, err := w.keys.VerifyForPublisher(a.text(t, "jwt"))
	must(t, err)
	id := strconv.FormatInt(claims.CustomerID, 10)
	w.call(t, "GET", "/customers/"+id, "", bearer(a.text(t, "jwt"))...).is(t, `{"responseData":{"id":"ID","email":"new@example.com","firstName":"",
		"lastName":"","country":"DE","locale":"de_DE","currency":"EUR","regDate":"2026-03-01 12:00:00","lastLoginDate":"2026-03-01 12:00:00",
		"lastUserIp":"193.99.144.80","externalId":"","externalData":null},"errors":[]}`, id)
	w.call(t, "POST", "/auths", login("new@example.com", password)).refused(t, 401, "USER0001", "Wrong email or password")
}

func TestTrustedLoginIsRefused(t *testing.T) {
	w := newWorld(t)
	_, _, id := w.mustRegister(t, ours, "disabled@example.com")
	w.mustDisable(t, id)
	const body = `{"customerEmail":"anna@example.com"}`
	for _, headers := range [][]string{
		nil, {"X-Publisher-Token", ""}, {"X-Publisher-Token", "x"}, {"X-Publisher-Token", apiToken + "0"}, {"Authorization", "Bearer " + apiToken},
	} {
		w.call(t, "POST", "/sso/auths", body, headers...).refused(t, 401, "AUTH0002", "Invalid publisher token")
	}
	for _, tt := range []struct {
		body    string
		status  int
		code    string
		message string
	}{
		{`{}`, 400, "REQ0001", "Invalid param email"},
		{`{"email":"anna"}`, 400, "REQ0001", "Invalid param email"},
		{`{"customerEmail":5}`, 400, "REQ0001", "Invalid param customerEmail"},
		{`{"email":5}`, 400, "REQ0001", "Invalid param email"},
		{`{"email":"anna@example.com","customerIP":"x"}`, 400, "REQ0001", "Invalid param customerIP"},
		{`{"email":"anna@example.com","customerIP":5}`, 400, "REQ0001", "Invalid param customerIP"},
		{`[]`, 400, "REQ0001", "Invalid request body"},
		{`{"email":"disabled@example.com"}`, 401, "USER0001", "Wrong email or password"},
	} {
		w.call(t, "POST", "/sso/auths", tt.body, proof()...).refused(t, tt.status, tt.code, tt.message)
		if t.Failed() {
			t.Fatal(tt.body)
		}
	}
}

func TestErasure(t *testing.T) {
	w := newWorld(t)
	jwt, refreshToken, id := w.mustRegister(t, ours, "anna@example.com")
	_, abroad, _ := w.mustCustomer(t, authstore.Customer{Email: "bert@example.com", PublisherID: theirs})
	path := "/3.1/customers/"
	for _, headers := range [][]string{nil, {"X-Publisher-Token", "x"}, bearer(jwt)} {
		w.call(t, "DELETE", path+id, "", headers...).refused(t, 401, "AUTH0002", "Invalid publisher token")
	}
	for _, bad := range []string{"x", "12", "0" + id, "undefined"} {
		w.call(t, "DELETE", path+bad, "", proof()...).refused(t, 400, "REQ0003", "Invalid path parameters")
	}
	for _, other := range []string{abroad, "999999999"} {
		w.call(t, "DELETE", path+other, "", proof()...).refused(t, 404, "USER0004", "Customer "+other+" does not exist.")
	}
	w.call(t, "DELETE", path+id, "", proof()...).is(t, done, "")
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "POST", "/auths/refresh_token", refresh(refreshToken)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
	w.call(t, "POST", "/auths", login("anna@example.com", password)).refused(t, 401, "USER0001", "Wrong email or password")
	w.call(t, "DELETE", path+id, "", proof()...).refused(t, 404, "USER0004", "Customer "+id+" does not exist.")
	w.mustRegister(t, ours, "anna@example.com") // the address is free again
}
