// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// publisherID is the one publisher of most Caddyfiles here.
const publisherID = "100000001"

// password is good enough for every account.
const password = "violet-kettle-41-orbit"

// account is a customer with a session of the API.
type account struct {
	email string
	id    string
	tokens
}

// tokens is what the API hands out.
type tokens struct {
	JWT          string `json:"jwt"`
	RefreshToken string `json:"refreshToken"`
	CustomerID   int64  `json:"customerId"`
}

// post sends JSON to the API.
func (s *server) post(t testing.TB, path string, body any, lines ...string) answer {
	t.Helper()
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	return s.visitor(t).send("POST", s.hub+path, text, append(lines, "Content-Type: application/json")...)
}

// granted reads the tokens of a successful answer.
func granted(t testing.TB, a answer) tokens {
	t.Helper()
	a.says(t, 200)
	var in struct {
		ResponseData tokens   `json:"responseData"`
		Errors       []string `json:"errors"`
	}
	a.json(t, &in)
	if in.ResponseData.JWT == "" || in.ResponseData.RefreshToken == "" || in.Errors == nil || len(in.Errors) > 0 {
		t.Fatalf("%s answered without tokens: %s", a.at, a.body)
	}
	return in.ResponseData
}

// register makes an account of the publisher through the API.
func (s *server) register(t testing.TB, name string) account {
	t.Helper()
	return s.registerAt(t, publisherID, name)
}

func (s *server) registerAt(t testing.TB, publisher, name string) account {
	t.Helper()
	email := name + "@viewer.test"
	given := granted(t, s.post(t, "/customers", map[string]string{
		"email": email, "password": password, "publisherId": publisher,
		"locale": "en_US", "country": "US", "currency": "USD",
	}))
	return account{email: email, id: given.customer(), tokens: given}
}

// credentials is the body of a login.
func credentials(email, password string) map[string]string {
	return map[string]string{"email": email, "password": password, "publisherId": publisherID}
}

// login starts another session through the API.
func (s *server) login(t testing.TB, email string) tokens {
	t.Helper()
	return granted(t, s.post(t, "/auths", credentials(email, password)))
}

// refresh spends a refresh token.
func (s *server) refresh(t testing.TB, token string) answer {
	t.Helper()
	return s.post(t, "/auths/refresh_token", map[string]string{"refreshToken": token})
}

// bearer is the header with which apps show a token.
func bearer(jwt string) string { return "Authorization: Bearer " + jwt }

// signIn signs the visitor in at the hub, coming from a page of a site, and
// returns the page.
func (v *visitor) signIn(target, email string) answer {
	v.t.Helper()
	hops := v.visit(target)
	return v.arrive(v.fill(hops[len(hops)-1], "email", email, "password", password), target)
}

// signUp makes an account at the hub, accepting what is required, coming from
// a page of a site, and returns the page.
func (v *visitor) signUp(target, email string, fields ...string) answer {
	v.t.Helper()
	hops := v.visit(target)
	form := v.click(hops[len(hops)-1], "Create an account")
	return v.arrive(v.fill(form, append(fields, "email", email, "password", password)...), target)
}

// arrive follows the answer of a form to the page that it should lead to.
func (v *visitor) arrive(a answer, target string) answer {
	v.t.Helper()
	hops := v.follow(a)
	last := hops[len(hops)-1].says(v.t, 200)
	if last.at.String() != target {
		v.t.Fatalf("arrived at %s, want %s\n%s", last.at, target, last.body)
	}
	return last
}

// signedIn tells whether a site lets the visitor's scripts through.
func (v *visitor) signedIn(site string) bool {
	v.t.Helper()
	switch a := v.fetch(site + "/account"); a.status {
	case 200:
		return true
	case 401:
		return false
	default:
		v.t.Fatalf("%s answered %d\n%s", a.at, a.status, a.body)
		return false
	}
}

// knows tells whether the hub has a session with the visitor.
func (v *visitor) knows() bool {
	v.t.Helper()
	a := v.open(v.s.hub+"/").says(v.t, 200)
	return strings.Contains(a.body, "You are signed in as")
}

// customer returns the customer's id as the API's addresses have it.
func (t tokens) customer() string { return strconv.FormatInt(t.CustomerID, 10) }
