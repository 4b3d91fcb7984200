// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// customerWith is the whole answer with a customer, some members replaced.
func customerWith(changes ...string) string {
	body := `{"responseData":{"id":"ID","email":"anna@example.com","firstName":"Anna","lastName":"Doe","country":"AT","locale":"de_AT",
		"currency":"EUR","regDate":"2026-03-01 12:00:00","lastLoginDate":"2026-03-01 12:00:00","lastUserIp":"203.0.113.7",
		"externalId":"crm-1","externalData":{"a":1,"b":[1.50,"x",null]}},"errors":[]}`
	return strings.NewReplacer(changes...).Replace(body)
}

func (w *world) mustAnna(t testing.TB) (jwt, id string) {
	t.Helper()
	jwt, id, _ = w.mustCustomer(t, authstore.Customer{
		Email: "anna@example.com", FirstName: "Anna", LastName: "Doe", Country: "AT", Locale: "de_AT", Currency: "EUR",
		ExternalID: "crm-1", ExternalData: `{"a":1,"b":[1.50,"x",null]}`,
	})
	return jwt, id
}

func TestCustomerOnTheWire(t *testing.T) {
	w := newWorld(t)
	jwt, id := w.mustAnna(t)
	w.clock.Add(time.Second)
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, customerWith(), id)
	jwt, id, _ = w.mustCustomer(t, authstore.Customer{Email: "bert@example.com"})
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, `{"responseData":{"id":"ID","email":"bert@example.com","firstName":"",
		"lastName":"","country":"","locale":"","currency":"","regDate":"2026-03-01 12:00:01","lastLoginDate":"2026-03-01 12:00:01",
		"lastUserIp":"203.0.113.7","externalId":"","externalData":null},"errors":[]}`, id)
}

func TestChangeOfACustomerAnswersTheWholeOfIt(t *testing.T) {
	const data = `{"a":1,"b":[1.50,"x",null]}`
	for _, tt := range []struct{ body, want string }{
		{`{}`, customerWith()},
		{`{"firstName":"Anne"}`, customerWith(`"Anna"`, `"Anne"`)},
		{`{"lastName":"Łącka"}`, customerWith(`"Doe"`, `"Łącka"`)},
		{`{"country":"DE"}`, customerWith(`"AT"`, `"DE"`)},
		{`{"locale":"de_DE"}`, customerWith(`"de_AT"`, `"de_DE"`)},
		{`{"externalData":{"c":{}}}`, customerWith(data, `{"c":{}}`)},
		{`{"externalData":"{\"c\": [ ]}"}`, customerWith(data, `{"c":[]}`)},
		{`{"externalData":""}`, customerWith(data, `null`)},
		{`{"externalData":{}}`, customerWith(data, `{}`)},
		// The profile form of one client, with names unset and the address as it was.
		{`{"firstName":"","lastName":"","email":"anna@example.com","confirmationPassword":""}`, customerWith(`"Anna"`, `""`, `"Doe"`, `""`)},
		{`{"firstName":null,"lastName":null,"country":null,"locale":null,"externalData":null,"email":null,"confirmationPassword":null}`, customerWith()},
		{`{"id":"999999999","customerId":5,"currency":"USD","externalId":"x","lastUserIp":"x","unknown":[{}]}`, customerWith()},
		{`{"firstName":"` + strings.Repeat("ü", 50) + `"}`, customerWith(`"Anna"`, `"`+strings.Repeat("ü", 50)+`"`)},
		{`{"lastName":"` + strings.Repeat("x", 50) + `"}`, customerWith(`"Doe"`, `"`+strings.Repeat("x", 50)+`"`)},
		{`{"externalData":{"c":"` + strings.Repeat("ü", 3992) + `"}}`, customerWith(data, `{"c":"`+strings.Repeat("ü", 3992)+`"}`)},
		// Another spelling of the same address needs no password.
		{`{"email":"Anna@Example.com"}`, customerWith("anna@example.com", "Anna@Example.com")},
	} {
		w := newWorld(t)
		jwt, id := w.mustAnna(t)
		w.call(t, "PATCH", "/customers/"+id, tt.body, bearer(jwt)...).is(t, tt.want, id)
		w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, tt.want, id)
		if t.Failed() {
			t.Fatal(tt.body)
		}
	}
}

func TestChangeOfACustomerIsRefusedAsAWhole(t *testing.T) {
	w := newWorld(t)
	jwt, id := w.mustAnna(t)
	for _, tt := range []struct {
		members string
		status  int
		code    string
		message string
	}{
		{`"firstName":"` + strings.Repeat("ü", 51) + `"`, 400, "REQ0001", "firstName can have max 50 characters."},
		{`"lastName":"` + strings.Repeat("x", 51) + `"`, 400, "REQ0001", "lastName can have max 50 characters."},
		{`"firstName":5`, 400, "REQ0001", "Invalid param firstName"},
		{`"lastName":[]`, 400, "REQ0001", "Invalid param lastName"},
		{`"country":"AUT"`, 400, "REQ0001", "Invalid param country"},
		{`"country":5`, 400, "REQ0001", "Invalid param country"},
		{`"locale":"<b>"`, 400, "REQ0001", "Invalid param locale"},
		{`"locale":5`, 400, "REQ0001", "Invalid param locale"},
		{`"externalData":[]`, 400, "REQ0001", "Invalid param externalData"},
		{`"externalData":"x"`, 400, "REQ0001", "Invalid param externalData"},
		{`"externalData":{"c":"` + strings.Repeat("x", 3993) + `"}`, 400, "REQ0001", "Invalid param externalData"},
		{`"email":"anna"`, 400, "REQ0001", "Please enter a valid e-mail address."},
		{`"email":""`, 400, "REQ0001", "Please enter a valid e-mail address."},
		{`"email":5`, 400, "REQ0001", "Invalid param email"},
		{`"confirmationPassword":5`, 400, "REQ0001", "Invalid param confirmationPassword"},
		{`"email":"new@example.com"`, 422, "REQ0001", "Invalid confirmationPassword"},
		{`"email":"new@example.com","confirmationPassword":"wrong horse 9"`, 422, "REQ0001", "Invalid confirmationPassword"},
	} {
		body := `{"externalData":{},` + tt.members + `}`
		if strings.Contains(tt.members, "externalData") {
			body = `{"firstName":"Changed",` + tt.members + `}`
		}
		w.call(t, "PATCH", "/customers/"+id, body, bearer(jwt)...).refused(t, tt.status, tt.code, tt.message)
		w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, customerWith(), id)
		if t.Failed() {
			t.Fatal(tt.members)
		}
	}
}

func TestChangeOfTheAddress(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "bert@example.com")
	w.mustRegister(t, theirs, "new@example.com") // somebody else's at another publisher
	jwt, refreshToken, id := w.mustRegister(t, ours, "anna@example.com")
	w.call(t, "PATCH", "/customers/"+id, `{"email":"Bert@example.com","confirmationPassword":"`+password+`"}`, bearer(jwt)...).
		refused(t, 422, "USER0002", "Customer email already exists")
	a := w.call(t, "PATCH", "/customers/"+id, `{"email":"new@example.com","confirmationPassword":"`+password+`","firstName":"Anna"}`, bearer(jwt)...)
	if a.status != http.StatusOK || a.text(t, "email") != "new@example.com" || a.text(t, "firstName") != "Anna" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.call(t, "POST", "/auths", login("anna@example.com", password)).refused(t, 401, "USER0001", "Wrong email or password")
	if a := w.call(t, "POST", "/auths", login("new@example.com", password)); a.status != http.StatusOK {
		t.Errorf("login with the new address: %d %s", a.status, a.body)
	}
	if a := w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...); a.status != http.StatusOK {
		t.Errorf("the token afterwards: %d %s", a.status, a.body)
	}
	if a := w.call(t, "POST", "/auths/refresh_token", refresh(refreshToken)); a.status != http.StatusOK {
		t.Errorf("the refresh token afterwards: %d %s", a.status, a.body)
	}
}

// One client saves its profile form by both calls at the same time.
func TestProfileAndCaptureDoNotOverwriteEachOther(t *testing.T) {
	w := newWorld(t)
	jwt, id := w.mustAnna(t)
	for range 20 {
		var both sync.WaitGroup
		both.Go(func() { w.ask("PATCH", "/customers/"+id, `{"country":"DE"}`, bearer(jwt)...) })
		both.Go(func() { w.ask("PUT", "/customers/"+id+"/capture", `{"firstName":"Anne"}`, bearer(jwt)...) })
		both.Wait()
		w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, customerWith(`"AT"`, `"DE"`, `"Anna"`, `"Anne"`), id)
		w.call(t, "PATCH", "/customers/"+id, `{"country":"AT","firstName":"Anna"}`, bearer(jwt)...).is(t, customerWith(), id)
	}
}

func TestLogoutEverywhere(t *testing.T) {
	w := newWorld(t)
	jwt, refreshToken, id := w.mustRegister(t, ours, "anna@example.com")
	second := w.call(t, "POST", "/auths", login("anna@example.com", password))
	other, otherID, _ := w.mustCustomer(t, authstore.Customer{Email: "bert@example.com"})
	w.call(t, "DELETE", "/refresh_tokens", "").refused(t, 401, "AUTH0001", "Missing required JWT")
	w.call(t, "DELETE", "/refresh_tokens", "", bearer("x")...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	w.call(t, "DELETE", "/refresh_tokens", "", bearer(jwt)...).is(t, done, "")
	for _, dead := range []string{jwt, second.text(t, "jwt")} {
		w.call(t, "GET", "/customers/"+id, "", bearer(dead)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
	}
	for _, dead := range []string{refreshToken, second.text(t, "refreshToken")} {
		w.call(t, "POST", "/auths/refresh_token", refresh(dead)).refused(t, 401, "AUTH0003", "Refresh token is expired or does not exist")
	}
	if a := w.call(t, "GET", "/customers/"+otherID, "", bearer(other)...); a.status != http.StatusOK {
		t.Errorf("another customer: %d %s", a.status, a.body)
	}
}
