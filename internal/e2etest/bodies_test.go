// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestOddBodiesAreRefused(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "bodies")
	good := fmt.Sprintf(`"email":%q,"password":%q,"publisherId":%q`, viewer.email, password, publisherID)
	var fields strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&fields, `,"f%d":1`, i)
	}
	nested := func(n int) string {
		return "{" + good + `,"x":` + strings.Repeat(`{"x":`, n) + "1" + strings.Repeat("}", n) + "}"
	}
	bodies := map[string]string{
		"empty": "", "no JSON": "email=a", "a list": "[" + good + "]", "null": "null", "a string": `"{}"`, "cut short": "{" + good,
		"two documents": "{" + good + "}{}", "a megabyte": "{" + good + `,"x":"` + strings.Repeat("a", 1<<20) + `"}`,
		"a megabyte of spaces": strings.Repeat(" ", 1<<20) + "{" + good + "}", "thousands of fields": "{" + good + fields.String() + "}",
		"deep": nested(100), "very deep": nested(9000), "deep lists": `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "," + good + "}",
		"a member twice": "{" + good + `,"password":"other-password-1"}`, "a member twice in another case": "{" + good + `,"Email":"x@y.test"}`,
		"the e-mail a number":   fmt.Sprintf(`{"email":1,"password":%q,"publisherId":%q}`, password, publisherID),
		"the password a list":   fmt.Sprintf(`{"email":%q,"password":[%q],"publisherId":%q}`, viewer.email, password, publisherID),
		"the publisher a float": fmt.Sprintf(`{"email":%q,"password":%q,"publisherId":1.00000001e8}`, viewer.email, password),
	}
	for what, body := range bodies {
		for _, path := range []string{"/auths", "/customers"} {
			a := s.post(t, path, body)
			if a.status != 400 && a.status != 413 {
				t.Errorf("%s at %s: status %d\n%.300s", what, path, a.status, a.body)
				continue
			}
			checkRefusal(t, a, "REQ0001")
		}
	}
	for what, password := range map[string]string{"long": strings.Repeat("ab1-", 33), "very long": strings.Repeat("ab1-", 4000), "short": "ab1-xyz"} {
		a := s.post(t, "/customers", map[string]string{
			"email": "length@viewer.test", "password": password, "publisherId": publisherID, "locale": "en_US", "country": "US", "currency": "USD",
		})
		if a.status != 400 || !strings.Contains(strings.ToLower(a.body), "invalid param password") {
			t.Errorf("a password that is %s: status %d\n%s", what, a.status, a.body)
		}
	}
	s.login(t, viewer.email)
}

func TestOddFormsAreRefused(t *testing.T) {
	t.Parallel()
	s := borrow(t, standard)
	viewer := s.register(t, "forms")
	thousands := url.Values{}
	for i := range 5000 {
		thousands.Set(fmt.Sprint("f", i), "1")
	}
	forms := map[string]url.Values{
		"a megabyte":          {"x": {strings.Repeat("a", 1<<20)}},
		"thousands of fields": thousands,
	}
	for what, form := range forms {
		form.Set("email", viewer.email)
		form.Set("password", password)
		for _, path := range []string{"/login", "/register"} {
			if a := s.visitor(t).submit(s.hub+path, form); a.status != 400 && a.status != 413 {
				t.Errorf("%s at %s: status %d", what, path, a.status)
			}
		}
	}
	for what, lines := range map[string][]string{
		"cut escape": {"Content-Type: application/x-www-form-urlencoded", "email=%zz"},
		"semicolons": {"Content-Type: application/x-www-form-urlencoded", "email=a;password=b"},
		"as JSON":    {"Content-Type: application/json", `{"email":"a@b.test"}`},
		"multipart":  {"Content-Type: multipart/form-data; boundary=x", "--x\r\n\r\n--x--"},
	} {
		a := s.visitor(t).send("POST", s.hub+"/login", lines[1], lines[0], "Sec-Fetch-Site: same-origin", "Accept: text/html")
		if a.status != 400 && a.status != 401 {
			t.Errorf("a form %s: status %d", what, a.status)
		}
	}
}
