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

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/notice"
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
		Registered: w.clock.Now(), LastLogin: w.clock.Now(), LastIP: "192.0.2.99",
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
		{map[string]any{"email": strings.Repeat("a", 250) + "@example.com"}, 400, "REQ0001", "Email verification failed."},
		{map[string]any{"password": nil}, 400, "REQ0001", "invalid param password: password is too short"},
		{map[string]any{"password": "a1b2c3"}, 400, "REQ0001", "invalid param password: password is too short"},
		{map[string]any{"password": strings.Repeat("a1", 65)}, 400, "PWD0001", "invalid param password: password is too long"},
		{map[string]any{"password": "onlyletters"}, 400, "REQ0001", "invalid param password: password needs a letter and a digit or symbol"},
		{map[string]any{"password": "password1"}, 400, "PWD0001", "invalid param password: score does not match standards, password is too common"},
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
		{map[string]any{"country": "A"}, 400, "REQ0001", "Invalid param country"},
		{map[string]any{"currency": "€"}, 400, "REQ0001", "Invalid param currency"},
		{map[string]any{"locale": "<b>"}, 400, "REQ0001", "Invalid param locale"},
		{map[string]any{"locale": "_"}, 400, "REQ0001", "Invalid param locale"},
		{map[string]any{"email": 5}, 400, "REQ0001", "Invalid param email"},
		{map[string]any{"password": map[string]any{}}, 400, "REQ0001", "Invalid param password"},
		{map[string]any{"publisherId": nil, "offerId": 5}, 400, "REQ0001", "Invalid param offerId"},
		{map[string]any{"firstName": []any{}}, 400, "REQ0001", "Invalid param firstName"},
		{map[string]any{"lastName": 5}, 400, "REQ0001", "Invalid param lastName"},
		{map[string]any{"locale": 5}, 400, "REQ0001", "Invalid param locale"},
		{map[string]any{"country": 5}, 400, "REQ0001", "Invalid param country"},
		{map[string]any{"currency": 5}, 400, "REQ0001", "Invalid param currency"},
		{map[string]any{"currency": "EU"}, 400, "REQ0001", "Invalid param currency"},
		{map[string]any{"currency": "EURO"}, 400, "REQ0001", "Invalid param currency"},
		{map[string]any{"externalId": 5}, 400, "REQ0001", "Invalid param externalId"},
	} {
		a := w.call(t, "POST", "/customers", registration(test.change))
		a.refused(t, test.status, test.code, test.message)
		if t.Failed() {
			t.Fatalf("with %v", test.change)
		}
	}
}

// The form of one client checks an address and a password by itself. It shows
// nothing for REQ0001 but one text, so what it let pass needs another answer.
func TestWhatTheFormLetPassIsRefusedSoThatItEnds(t *testing.T) {
	w := newWorld(t)
	const pleaseEnter, failed = "Please enter a valid e-mail address.", "Email verification failed."
	for address, want := range map[string]string{
		"":                  pleaseEnter,
		"anna":              pleaseEnter,
		"@example.com":      pleaseEnter,
		"anna@":             pleaseEnter,
		"anna@.com":         pleaseEnter,
		"anna@localhost":    pleaseEnter,
		"anna@example.123":  pleaseEnter,
		"anna@exam_ple.com": pleaseEnter,
		"an na@example.com": pleaseEnter,
		"anna@ex@ample.com": pleaseEnter,
		"änna@example.com":  pleaseEnter,
		"\"a\"@example.com": pleaseEnter,
		"anna@-example-.c":  pleaseEnter,

		"anna..doe@example.com":                   failed,
		".anna@example.com":                       failed,
		"anna.@example.com":                       failed,
		"anna@example..com":                       failed,
		"anna@-example.com":                       failed,
		"A_%+-9..@EXAMPLE.ORG":                    failed,
		"anna@-example-.ab":                       failed,
		strings.Repeat("a", 250) + "@example.com": failed,
	} {
		w.call(t, "POST", "/customers", registration(map[string]any{"email": address})).refused(t, 400, "REQ0001", want)
		if t.Failed() {
			t.Fatal(address)
		}
	}
	for _, tt := range []struct{ given, code, want string }{
		{"", "REQ0001", "password is too short"},
		{"zq7mkwp", "REQ0001", "password is too short"},
		{"üüüüüü7", "REQ0001", "password is too short"}, // 13 bytes
		{"onlyletters", "REQ0001", "password needs a letter and a digit or symbol"},
		{"password!", "REQ0001", "score does not match standards, password is too common"},
		{strings.Repeat("ab!", 43), "REQ0001", "password is too long"},
		{"73915824", "PWD0001", "password needs a letter and a digit or symbol"},
		{"7391582460", "PWD0001", "password needs a letter and a digit or symbol"},
		{"!!!!!!!0", "PWD0001", "password needs a letter and a digit or symbol"},
		{"!!!!!!!9", "PWD0001", "password needs a letter and a digit or symbol"},
		{"password1", "PWD0001", "score does not match standards, password is too common"},
		{strings.Repeat("ab1", 43), "PWD0001", "password is too long"},
	} {
		body := registration(map[string]any{"password": tt.given})
		w.call(t, "POST", "/customers", body).refused(t, 400, tt.code, "invalid param password: "+tt.want)
		if t.Failed() {
			t.Fatal(tt.given)
		}
	}
}

// What clients let pass by their own check must not be refused: eight
// characters with a digit or one of the contract's symbols.
func TestPasswordsThatTheContractAllows(t *testing.T) {
	w := newWorld(t)
	passwords := []string{"zq7mkwpv", "ZQ7MKWPV", "1739582v", strings.Repeat("zq7mkwpv", 10)}
	for _, symbol := range "!@#$%^&" {
		passwords = append(passwords, "zqymkwp"+string(symbol))
	}
	for i, given := range passwords {
		body := registration(map[string]any{"email": "p" + strconv.Itoa(i) + "@example.com", "password": given})
		if a := w.call(t, "POST", "/customers", body); a.status != http.StatusOK {
			t.Errorf("%q: %d %s", given, a.status, a.body)
		}
	}
}

func TestExternalIDIsTakenOnceWithinThePublisher(t *testing.T) {
	w := newWorld(t)
	const taken = "externalId already exists"
	for _, tt := range []struct {
		email     string
		publisher int
		refused   bool
	}{{"a@example.com", ours, false}, {"b@example.com", ours, true}, {"b@example.com", theirs, false}} {
		a := w.call(t, "POST", "/customers", registration(map[string]any{"email": tt.email, "publisherId": tt.publisher, "externalId": "crm-1"}))
		if tt.refused {
			a.refused(t, 422, "REQ0001", taken)
		} else if a.status != http.StatusOK {
			t.Errorf("%+v: %d %s", tt, a.status, a.body)
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
		if mails := w.mailed(t, notice.AccountExists); len(mails) != 1 || mails[0].to != "anna@example.com" {
			t.Errorf("mails %+v", mails)
		}
	}
	// The same address is somebody else at another publisher.
	w.mustRegister(t, theirs, "anna@example.com")
}

// Whatever strangers do, one mailbox gets few mails: spellings share a counter.
func TestSpellingsOfAnAddressDoNotMultiplyItsMails(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, ours, "anna@example.com")
	for _, spelling := range []string{"Anna", "aNna", "anNa", "annA", "ANna", "ANNa"} {
		body := registration(map[string]any{"email": spelling + "@example.com"})
		w.call(t, "POST", "/customers", body).refused(t, 422, "USER0002", "Customer already exists")
	}
	if got := w.mailed(t, notice.AccountExists); len(got) != 3 {
		t.Errorf("%d mails to one mailbox, want 3", len(got))
	}
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
