// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// captureWith is the status of capture before anything was answered, some words
// replaced.
func captureWith(changes ...string) string {
	status := `{"responseData":{"isCaptureEnabled":true,"shouldCaptureBeDisplayed":true,"settings":[
		{"key":"firstNameLastName","enabled":true,"required":true,"answer":{"firstName":null,"lastName":null}},
		{"key":"birthDate","enabled":true,"required":false,"answer":null},
		{"key":"address","enabled":true,"required":false,
			"answer":{"address":null,"address2":null,"city":null,"state":null,"postCode":null,"country":null}},
		{"key":"custom_1","enabled":true,"required":false,"answer":null,"question":"How did you find us?","value":"A friend;Search"},
		{"key":"custom_2","enabled":true,"required":false,"answer":null,"question":"Anything else?","value":""},
		{"key":"email","enabled":false,"required":false,"answer":"anna@example.com"},
		{"key":"phoneNumber","enabled":false,"required":false,"answer":null},
		{"key":"companyName","enabled":false,"required":false,"answer":null}]},"errors":[]}`
	return strings.NewReplacer(changes...).Replace(status)
}

func TestCaptureStatus(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...).is(t, captureWith(), id)
}

func TestCaptureThatIsOff(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com", PublisherID: bare})
	w.call(t, "PUT", "/customers/"+id+"/capture", `{"firstName":"Anna","birthDate":"1990-05-17","city":"Graz"}`, bearer(jwt)...).is(t, done, "")
	w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...).is(t, `{"responseData":{"isCaptureEnabled":false,
		"shouldCaptureBeDisplayed":false,"settings":[
		{"key":"birthDate","enabled":false,"required":true,"answer":null},
		{"key":"email","enabled":false,"required":false,"answer":"anna@example.com"},
		{"key":"firstNameLastName","enabled":false,"required":false,"answer":{"firstName":null,"lastName":null}},
		{"key":"address","enabled":false,"required":false,
			"answer":{"address":null,"address2":null,"city":null,"state":null,"postCode":null,"country":null}},
		{"key":"phoneNumber","enabled":false,"required":false,"answer":null},
		{"key":"companyName","enabled":false,"required":false,"answer":null}]},"errors":[]}`, id)
}

func TestCaptureKeepsWhatIsEnabled(t *testing.T) {
	const due, settled = `"shouldCaptureBeDisplayed":true`, `"shouldCaptureBeDisplayed":false`
	const names, address = `{"firstName":null,"lastName":null}`, `{"address":null,"address2":null,"city":null,"state":null,"postCode":null,"country":null}`
	for _, tt := range []struct{ body, want string }{
		{`{}`, captureWith()}, // what is required is not answered
		{`{"firstName":"Anna"}`, captureWith(names, `{"firstName":"Anna","lastName":null}`)},
		{`{"firstName":"Anna","lastName":"Doe"}`, captureWith(due, settled, names, `{"firstName":"Anna","lastName":"Doe"}`)},
		{`{"birthDate":"1990-05-17"}`, captureWith(`"birthDate","enabled":true,"required":false,"answer":null`, `"birthDate","enabled":true,"required":false,"answer":"1990-05-17"`)},
		{`{"address":"1 Main St","address2":"Flat 2","city":"Graz","state":"Styria","postCode":"8010","country":"AT"}`,
			captureWith(address, `{"address":"1 Main St","address2":"Flat 2","city":"Graz","state":"Styria","postCode":"8010","country":"AT"}`)},
		{`{"customAnswers":[{"questionId":"custom_1","question":"x","value":"Search"},{"questionId":"custom_2","value":"No."}]}`,
			captureWith(`"answer":null,"question":"How`, `"answer":"Search","question":"How`, `"answer":null,"question":"Any`, `"answer":"No.","question":"Any`)},
		{`{"companyName":"Acme","phoneNumber":"+43 1","email":"other@example.com","customerId":"x","unknown":1}`, captureWith()},
		{`{"phoneNumber":"` + strings.Repeat("1", 300) + `","customAnswers":[{"questionId":"custom_3","value":"x"},{"questionId":"birthDate","value":"x"},{"value":"x"}]}`, captureWith()},
		// One client sends every field that it knows of, null for those its form does not have.
		{`{"firstName":null,"lastName":null,"address":null,"address2":null,"city":null,"state":null,"postCode":null,"country":null,
			"birthDate":null,"companyName":null,"phoneNumber":null,"email":null,"customAnswers":null}`, captureWith()},
		{`{"customAnswers":[{"questionId":"custom_1","value":null}]}`, captureWith()},
	} {
		w := newWorld(t)
		jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
		w.call(t, "PUT", "/customers/"+id+"/capture", tt.body, bearer(jwt)...).is(t, done, "")
		w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...).is(t, tt.want, id)
		if t.Failed() {
			t.Fatal(tt.body)
		}
	}
}

func TestCaptureOfEveryOtherField(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com", PublisherID: theirs})
	w.call(t, "PUT", "/customers/"+id+"/capture", `{"companyName":"Acme","phoneNumber":"+43 1","email":"other@example.com"}`, bearer(jwt)...).is(t, done, "")
	w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...).is(t, `{"responseData":{"isCaptureEnabled":true,
		"shouldCaptureBeDisplayed":false,"settings":[
		{"key":"email","enabled":true,"required":false,"answer":"anna@example.com"},
		{"key":"phoneNumber","enabled":true,"required":true,"answer":"+43 1"},
		{"key":"companyName","enabled":true,"required":false,"answer":"Acme"},
		{"key":"firstNameLastName","enabled":false,"required":false,"answer":{"firstName":null,"lastName":null}},
		{"key":"birthDate","enabled":false,"required":false,"answer":null},
		{"key":"address","enabled":false,"required":false,
			"answer":{"address":null,"address2":null,"city":null,"state":null,"postCode":null,"country":null}}]},"errors":[]}`, id)
}

// null means "not touched", also for what is required; empty text takes an
// answer back.
func TestCaptureLeavesWhatIsNull(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	put := func(body string) {
		t.Helper()
		w.call(t, "PUT", "/customers/"+id+"/capture", body, bearer(jwt)...).is(t, done, "")
	}
	put(`{"firstName":"Anna","lastName":"Doe","birthDate":"1990-05-17","customAnswers":[{"questionId":"custom_1","value":"Search"}]}`)
	put(`{"firstName":null,"lastName":null,"birthDate":null,"customAnswers":[{"questionId":"custom_1","value":null}]}`)
	put(`{"customAnswers":null}`)
	status := func() answer {
		t.Helper()
		return w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...)
	}
	answered := []string{
		`"shouldCaptureBeDisplayed":true`, `"shouldCaptureBeDisplayed":false`, `{"firstName":null,"lastName":null}`, `{"firstName":"Anna","lastName":"Doe"}`,
		`"answer":null,"question":"How`, `"answer":"Search","question":"How`,
	}
	born := []string{`"birthDate","enabled":true,"required":false,"answer":null`, `"birthDate","enabled":true,"required":false,"answer":"1990-05-17"`}
	status().is(t, captureWith(append(born, answered...)...), id)
	put(`{"birthDate":""}`)
	status().is(t, captureWith(answered...), id)
}

// One client reads the customer right after.
func TestNamesOfCaptureAreTheCustomers(t *testing.T) {
	w := newWorld(t)
	jwt, id := w.mustAnna(t)
	w.call(t, "PUT", "/customers/"+id+"/capture", `{"firstName":"Anne","lastName":"Roe","country":"DE"}`, bearer(jwt)...).is(t, done, "")
	w.call(t, "GET", "/customers/"+id, "", bearer(jwt)...).is(t, customerWith(`"Anna"`, `"Anne"`, `"Doe"`, `"Roe"`), id)
}

func TestCaptureIsRefusedAsAWhole(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	for member, name := range map[string]string{
		`"lastName":"` + strings.Repeat("ü", 51) + `"`:          "lastName",
		`"birthDate":"17.5.1990"`:                               "birthDate",
		`"birthDate":"1990-02-30"`:                              "birthDate",
		`"birthDate":"2026-03-02"`:                              "birthDate",
		`"birthDate":5`:                                         "birthDate",
		`"country":"AUT"`:                                       "country",
		`"postCode":"` + strings.Repeat("1", 21) + `"`:          "postCode",
		`"city":"` + strings.Repeat("x", 251) + `"`:             "city",
		`"address":5`:                                           "address",
		`"address2":5`:                                          "address2",
		`"state":5`:                                             "state",
		`"companyName":5`:                                       "companyName",
		`"phoneNumber":5`:                                       "phoneNumber",
		`"customAnswers":{}`:                                    "customAnswers",
		`"customAnswers":[{"questionId":5}]`:                    "questionId",
		`"customAnswers":[{"questionId":"custom_1","value":5}]`: "value",
		`"customAnswers":[{"questionId":"custom_2","value":"` + strings.Repeat("x", 251) + `"}]`: "custom_2",
	} {
		w.call(t, "PUT", "/customers/"+id+"/capture", `{"firstName":"Anna",`+member+`}`, bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid param "+name)
		if t.Failed() {
			t.Fatal(member)
		}
	}
	w.call(t, "PUT", "/customers/"+id+"/capture", `{"firstName":"`+strings.Repeat("x", 51)+`"}`, bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid param firstName")
	w.call(t, "PUT", "/customers/"+id+"/capture", `[]`, bearer(jwt)...).refused(t, 400, "REQ0001", "Invalid request body")
	w.call(t, "GET", "/customers/"+id+"/capture/status", "", bearer(jwt)...).is(t, captureWith(), id)
}
