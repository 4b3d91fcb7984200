// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const (
	termsHTML = `I accept the <a href=\"https://example.com/terms?a=1&amp;b=2\" target=\"_blank\" rel=\"noopener\">terms &amp; &#34;conditions&#34;</a> &lt;now&gt;.`
	newsHTML  = `Send me &lt;b&gt;news&lt;/b&gt;.`
)

// consentsWith is the list of a customer's consents. Of each it takes what an
// answer changes: version, state, needsUpdate and date.
func consentsWith(terms, news string) string {
	return `{"responseData":{"consents":[
		{"customerId":"ID","name":"terms","label":"` + termsHTML + `","value":"https://example.com/terms?a=1&b=2","required":true,"newestVersion":"2",` + terms + `},
		{"customerId":"ID","name":"marketing","label":"` + newsHTML + `","value":"","required":false,"newestVersion":"1",` + news + `}]},"errors":[]}`
}

const (
	neverTerms = `"version":"2","state":"declined","needsUpdate":true,"date":0`
	neverNews  = `"version":"1","state":"declined","needsUpdate":true,"date":0`
)

func TestConsentsOfAPublisherOnTheWire(t *testing.T) {
	newWorld(t).call(t, "GET", "/publishers/100000001/consents", "").is(t, `{"responseData":{"consents":[
		{"name":"terms","version":"2","label":"`+termsHTML+`","value":"https://example.com/terms?a=1&b=2","required":true,"enabledByDefault":false,
			"broadcasterId":100000001,"placeholder":""},
		{"name":"marketing","version":"1","label":"`+newsHTML+`","value":"","required":false,"enabledByDefault":true,
			"broadcasterId":100000001,"placeholder":""}]},"errors":[]}`, "")
}

func TestConsentsOfACustomer(t *testing.T) {
	w := newWorld(t)
	jwt, id, s := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	path := "/customers/" + id + "/consents"
	get := func() answer { t.Helper(); return w.call(t, "GET", path, "", bearer(jwt)...) }
	put := func(body string) { t.Helper(); w.call(t, "PUT", path, body, bearer(jwt)...).is(t, done, "") }
	get().is(t, consentsWith(neverTerms, neverNews), id)

	w.clock.Add(time.Minute)
	put(`{"consents":[{"name":"marketing","version":"1","state":"declined"}]}`)
	get().is(t, consentsWith(neverTerms, `"version":"1","state":"declined","needsUpdate":false,"date":1772366460`), id)

	w.clock.Add(time.Minute)
	put(`{"id":"x","consents":[{"name":"terms","version":"2","state":"accepted","value":true,"label":"x"}]}`)
	get().is(t, consentsWith(`"version":"2","state":"accepted","needsUpdate":false,"date":1772366520`,
		`"version":"1","state":"declined","needsUpdate":false,"date":1772366460`), id)

	put(`{"consents":[{"name":"marketing","version":"1","state":"accepted","value":"text"}]}`)
	put(`{"consents":[]}`)
	get().is(t, consentsWith(`"version":"2","state":"accepted","needsUpdate":false,"date":1772366520`,
		`"version":"1","state":"accepted","needsUpdate":false,"date":1772366520`), id)

	history, err := w.store.ConsentHistory(context.Background(), s.CustomerID)
	must(t, err)
	if len(history) != 3 || history[0].State != authstore.Declined || history[2].State != authstore.Accepted || history[0].IP != client {
		t.Errorf("history %+v", history)
	}
}

// Clients compare versions as texts as well, which puts "10" before "9".
func TestConsentToAnotherVersionIsToBeRenewed(t *testing.T) {
	w := newWorld(t)
	jwt, id, s := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	must(t, w.store.AnswerConsents(context.Background(), s.CustomerID, []authstore.ConsentRecord{
		{Name: "terms", Version: "10", State: authstore.Accepted}, {Name: "marketing", Version: "9", State: authstore.Declined},
		{Name: "gone", Version: "1", State: authstore.Accepted},
	}))
	w.call(t, "GET", "/customers/"+id+"/consents", "", bearer(jwt)...).is(t, consentsWith(
		`"version":"10","state":"accepted","needsUpdate":true,"date":1772366400`,
		`"version":"9","state":"declined","needsUpdate":true,"date":1772366400`), id)
}

// The client asks again.
func TestRequiredConsentMayBeDeclined(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	path := "/customers/" + id + "/consents"
	w.call(t, "PUT", path, `{"consents":[{"name":"terms","version":"2","state":"declined"}]}`, bearer(jwt)...).is(t, done, "")
	w.call(t, "GET", path, "", bearer(jwt)...).is(t, consentsWith(`"version":"2","state":"declined","needsUpdate":true,"date":1772366400`, neverNews), id)
}

func TestConsentsAreRefusedAsAWhole(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	path := "/customers/" + id + "/consents"
	for _, tt := range []struct {
		item    string
		status  int
		message string
	}{
		{`{"name":"newsletter","version":"1","state":"accepted"}`, 422, `unknown consent "newsletter"`},
		{`{"version":"1","state":"accepted"}`, 422, `unknown consent ""`},
		{`{"name":"terms","version":"1","state":"accepted"}`, 422, "not the newest version of the consent: terms is at version 2"},
		{`{"name":"terms","version":"3","state":"accepted"}`, 422, "not the newest version of the consent: terms is at version 2"},
		{`{"name":"terms","state":"accepted"}`, 422, "not the newest version of the consent: terms is at version 2"},
		{`{"name":"terms","version":"2","state":"maybe"}`, 422, "consent state must be accepted or declined: terms"},
		{`{"name":"terms","version":"2","state":"Accepted"}`, 422, "consent state must be accepted or declined: terms"},
		{`{"name":"terms","version":"2"}`, 422, "consent state must be accepted or declined: terms"},
		{`{"name":"terms","version":2,"state":"accepted"}`, 400, "Invalid param version"},
		{`{"name":5,"version":"2","state":"accepted"}`, 400, "Invalid param name"},
		{`{"name":"terms","version":"2","state":true}`, 400, "Invalid param state"},
		{`5`, 400, "Invalid param consents"},
	} {
		body := `{"consents":[{"name":"marketing","version":"1","state":"accepted"},` + tt.item + `]}`
		w.call(t, "PUT", path, body, bearer(jwt)...).refused(t, tt.status, "REQ0001", tt.message)
		if t.Failed() {
			t.Fatal(body)
		}
	}
	for _, body := range []string{`{}`, `{"consents":null}`, `{"consents":{}}`, `{"consents":"x"}`} {
		w.call(t, "PUT", path, body, bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid param consents")
	}
	w.call(t, "GET", path, "", bearer(jwt)...).is(t, consentsWith(neverTerms, neverNews), id)
}

func TestPublisherWithoutConsents(t *testing.T) {
	w := newWorld(t)
	const none = `{"responseData":{"consents":[]},"errors":[]}`
	w.call(t, "GET", "/publishers/100000003/consents", "").is(t, none, "")
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com", PublisherID: bare})
	w.call(t, "GET", "/customers/"+id+"/consents", "", bearer(jwt)...).is(t, none, "")
}

// Taking back what customers must accept ends their sessions.
func TestWithdrawnConsentEndsEverySession(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	path := "/customers/" + id + "/consents"
	for _, state := range []string{"accepted", "declined"} {
		body := strings.Replace(`{"consents":[{"name":"terms","version":"2","state":"STATE"}]}`, "STATE", state, 1)
		w.call(t, "PUT", path, body, bearer(jwt)...).is(t, done, "")
	}
	w.call(t, "GET", path, "", bearer(jwt)...).refused(t, 401, "AUTH0002", "Invalid JWT token")
}
