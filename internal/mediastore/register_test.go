// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/token"
)

// registration is a body that is right, with some members replaced; nil
// removes one.
func registration(change map[string]any) string {
	members := map[string]any{
		"email": "anna@example.com", "password": password, "publisherId": "100000001",
		"locale": "de_AT", "country": "AT", "currency": "EUR",
	}
	maps.Copy(members, change)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	return document(members)
}

func TestRegister(t *testing.T) {
	w := newWorld(t)
	a := w.call(t, "POST", "/customers", registration(map[string]any{
		"firstName": "Anna", "lastName": "Łącka", "externalId": "crm-1", "externalData": map[string]any{"a": []int{1}},
		"captchaValue": "", "customerIP": "192.0.2.99", "unknown": true,
	}))
	if a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	id, ok := a.data["customerId"].(float64)
	if !ok || len(a.data) != 4 || a.text(t, "customerToken") == "" || a.text(t, "refreshToken") == "" {
		t.Errorf("responseData %v", a.data)
	}
	claims, err := w.keys.VerifyForPublisher(a.text(t, "jwt"))
	if err != nil || claims.CustomerID != int64(id) || claims.PublisherID != ours || claims.Email != "anna@example.com" || claims.OfferID != "" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	c, err := w.store.Customer(context.Background(), int64(id))
	must(t, err)
	want := authstore.Customer{
		ID: int64(id), PublisherID: ours, Email: "anna@example.com", FirstName: "Anna", LastName: "Łącka",
		Country: "AT", Currency: "EUR", Locale: "de_AT", ExternalID: "crm-1", ExternalData: `{"a":[1]}`,
		Registered: w.clock.Now(), LastLogin: w.clock.Now(), LastIP: client,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("stored %+v, want %+v", c, want)
	}
}

func TestRegisterByOffer(t *testing.T) {
	w := newWorld(t)
	a := w.call(t, "POST", "/customers", registration(map[string]any{"publisherId": nil, "offerId": "S100000002_US"}))
	claims, err := w.keys.VerifyForPublisher(a.text(t, "jwt"))
	if err != nil || claims.PublisherID != theirs || claims.OfferID != "S100000002_US" {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

// Requests carry the publisher's id as a string or as a number.
func TestPublisherIDIsStringOrNumber(t *testing.T) {
	w := newWorld(t)
	for i, id := range []any{"100000001", 100000001} {
		a := w.call(t, "POST", "/customers", registration(map[string]any{"publisherId": id, "email": "a" + strconv.Itoa(i) + "@example.com"}))
		if a.status != http.StatusOK {
			t.Errorf("%T: %d %s", id, a.status, a.body)
		}
	}
	for _, id := range []any{"100000009", 100000009, 5, "x", "100000001.0", "+100000001", "0100000001", " 100000001", "100000001\n"} {
		w.call(t, "POST", "/customers", registration(map[string]any{"publisherId": id})).refused(t, 422, "REQ0100", "Offer or publisher not found")
	}
	for _, id := range []any{true, -100000001, map[string]any{}, []any{100000001}, json.Number("100000001.0"), json.Number("1e8")} {
		w.call(t, "POST", "/customers", registration(map[string]any{"publisherId": id})).refused(t, 400, "REQ0001", "Invalid param publisherId")
	}
}

func TestRegistrationIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		change  map[string]any
		status  int
		code    string
		message string
	}{
		{map[string]any{"publisherId": nil}, 400, "REQ0001", "Empty param offerId or publisherId"},
		{map[string]any{"publisherId": ""}, 400, "REQ0001", "Empty param offerId or publisherId"},
		{map[string]any{"publisherId": nil, "offerId": "S100000009_US"}, 422, "REQ0100", "Offer or publisher not found"},
		{map[string]any{"publisherId": nil, "offerId": "x"}, 422, "REQ0100", "Offer or publisher not found"},
		{map[string]any{"publisherId": "100000009", "offerId": "S100000001_US"}, 422, "REQ0100", "Offer or publisher not found"},
		{map[string]any{"email": nil}, 400, "REQ0001", "Please enter a valid e-mail address."},
		{map[string]any{"email": "anna"}, 400, "REQ0001", "Please enter a valid e-mail address."},
		{map[string]any{"email": "Anna <anna@example.com>"}, 400, "REQ0001", "Please enter a valid e-mail address."},
		{map[string]any{"email": strings.Repeat("a", 250) + "@example.com"}, 400, "REQ0001", "Please enter a valid e-mail address."},
		{map[string]any{"password": nil}, 400, "REQ0001", "Invalid param password: password is too short"},
		{map[string]any{"password": "a1b2c3"}, 400, "REQ0001", "Invalid param password: password is too short"},
		{map[string]any{"password": strings.Repeat("a1", 65)}, 400, "REQ0001", "Invalid param password: password is too long"},
		{map[string]any{"password": "onlyletters"}, 400, "REQ0001", "Invalid param password: password needs a letter and a digit or symbol"},
		{map[string]any{"password": "password1"}, 400, "REQ0001", "Invalid param password: password is too common"},
		{map[string]any{"firstName": strings.Repeat("ü", 51)}, 400, "REQ0001", "firstName can have max 50 characters."},
		{map[string]any{"lastName": strings.Repeat("x", 51)}, 400, "REQ0001", "lastName can have max 50 characters."},
		{map[string]any{"externalId": strings.Repeat("x", 257)}, 400, "REQ0001", "Invalid param externalId"},
		{map[string]any{"externalData": strings.Repeat("x", 10)}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"externalData": []any{1}}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"externalData": 5}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"externalData": `{"a":1,"A":2}`}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"externalData": `{"a":1} x`}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"externalData": map[string]any{"a": strings.Repeat("x", 4000)}}, 400, "REQ0001", "Invalid param externalData"},
		{map[string]any{"country": "Austria"}, 400, "REQ0001", "Invalid param country"},
		{map[string]any{"country": "A1"}, 400, "REQ0001", "Invalid param country"},
		{map[string]any{"currency": "€"}, 400, "REQ0001", "Invalid param currency"},
		{map[string]any{"locale": "<b>"}, 400, "REQ0001", "Invalid param locale"},
		{map[string]any{"locale": "_"}, 400, "REQ0001", "Invalid param locale"},
		{map[string]any{"email": 5}, 400, "REQ0001", "Invalid param email"},
		{map[string]any{"password": map[string]any{}}, 400, "REQ0001", "Invalid param password"},
		{map[string]any{"publisherId": nil, "offerId": 5}, 400, "REQ0001", "Invalid param offerId"},
		{map[string]any{"firstName": []any{}}, 400, "REQ0001", "Invalid param firstName"},
	} {
		a := w.call(t, "POST", "/customers", registration(test.change))
		a.refused(t, test.status, test.code, test.message)
		if t.Failed() {
			t.Fatalf("with %v", test.change)
		}
	}
}

// Stores keep no NUL: the contract of backends forbids it.
func TestNULIsStoredNowhere(t *testing.T) {
	w := newWorld(t)
	for i, change := range []map[string]any{
		{"firstName": "a\x00b"}, {"lastName": "\x00"}, {"externalId": "a\x00b"}, {"locale": "de\x00"}, {"email": "a\x00b@example.com"},
		{"externalData": map[string]any{"a": "\x00"}}, {"externalData": map[string]any{"a\x00": 1}}, {"externalData": `{"a":"\u0000"}`},
	} {
		if change["email"] == nil {
			change["email"] = "c" + strconv.Itoa(i) + "@example.com"
		}
		if a := w.call(t, "POST", "/customers", registration(change)); a.status != http.StatusBadRequest {
			t.Errorf("%q: status %d, want 400", change, a.status)
		}
	}
}

func TestLimitsOfTheContractAreIncluded(t *testing.T) {
	w := newWorld(t)
	for i, change := range []map[string]any{
		{"firstName": strings.Repeat("ü", 50)}, {"lastName": strings.Repeat("x", 50)}, {"externalData": ""}, {"externalData": `{"a":1}`},
		{"externalData": map[string]any{"a": strings.Repeat("x", 4000-len(`{"a":""}`))}}, {"password": strings.Repeat("ab12cd34", 10)},
		{"locale": nil, "country": nil, "currency": nil}, {"locale": "de-AT"},
	} {
		change["email"] = "b" + strconv.Itoa(i) + "@example.com"
		if a := w.call(t, "POST", "/customers", registration(change)); a.status != http.StatusOK {
			t.Errorf("%v: %d %s", change, a.status, a.body)
		}
	}
}

func TestAddressIsTakenInEverySpellingAndItsOwnerIsTold(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	for _, spelling := range []string{"anna@example.com", "ANNA@Example.COM", " anna@example.com "} {
		a := w.call(t, "POST", "/customers", registration(map[string]any{"email": spelling, "password": "another horse 9"}))
		a.refused(t, 422, "USER0002", "Customer already exists")
		if mail := <-w.mails; !strings.EqualFold(mail.To, "anna@example.com") || !strings.Contains(mail.Text, hub+"/login") {
			t.Errorf("mail %+v", mail)
		}
	}
	// The same address is somebody else at another publisher.
	w.mustRegister(t, theirs, "anna@example.com")
}

// Whatever strangers do, one mailbox gets few mails: spellings share a counter.
func TestSpellingsOfAnAddressDoNotMultiplyItsMails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mustRegister(t, ours, "anna@example.com")
		for _, spelling := range []string{"Anna", "aNna", "anNa", "annA", "ANna", "ANNa"} {
			body := registration(map[string]any{"email": spelling + "@example.com"})
			w.call(t, "POST", "/customers", body).refused(t, 422, "USER0002", "Customer already exists")
		}
		synctest.Wait() // mails are sent in the background
		if got := len(w.mails); got != 3 {
			t.Errorf("%d mails to one mailbox, want 3", got)
		}
	})
}

// Clients register first and store consents afterwards.
func TestRegistrationNeedsNoConsents(t *testing.T) {
	w := newWorld(t)
	jwt, _, _ := w.mustRegister(t, ours, "anna@example.com")
	claims, err := w.keys.VerifyForPublisher(jwt)
	if err != nil || len(claims.Consents) > 0 {
		t.Errorf("claims %+v, %v", claims, err)
	}
}

func TestTokenOfTheAPINamesItsPublisherAsAudience(t *testing.T) {
	w := newWorld(t)
	jwt, _, _ := w.mustRegister(t, ours, "anna@example.com")
	if _, err := w.keys.Verify(jwt, token.PublisherAudience(ours)); err != nil {
		t.Error(err)
	}
	if _, err := w.keys.Verify(jwt, "https://news.example.com"); err == nil {
		t.Error("the token is good as a site's cookie")
	}
}

func TestRegistrationWhileTheStoreIsDown(t *testing.T) {
	w := newWorldWith(t, customer.NewHasher(0, 0))
	w.faulty.FailUpdate(errDown)
	w.call(t, "POST", "/customers", registration(nil)).refused(t, 500, "S0001", "Internal Server Error")
	if len(w.reported) != 1 || !strings.Contains(w.reported[0].Error(), errDown.Error()) {
		t.Errorf("reported %v", w.reported)
	}
	if a := w.call(t, "POST", "/customers", registration(nil)); a.status != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
