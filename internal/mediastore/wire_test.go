// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/mediastore"
)

func TestEverythingElseIsNotFoundInTheEnvelope(t *testing.T) {
	w := newWorld(t)
	for _, request := range []string{
		"GET /", "GET /nothing", "POST /", "GET /auths", "POST /locales", "PUT /customers", "DELETE /customers/100000001",
		"GET /customers/100000001/subscriptions", "GET /customers/100000001/transactions", "GET /customers/100000001/payment_details",
		"GET /locales/", "GET /Locales", "GET /publishers/100000001", "GET /customers/", "POST /customers/",
		"PROPFIND /locales", "POST /.well-known/jwks.json",
	} {
		method, target, _ := strings.Cut(request, " ")
		w.call(t, method, target, "").refused(t, 404, "REQ0404", "Not found")
		if t.Failed() {
			t.Fatal(request)
		}
	}
}

func TestPreflightsAreAnsweredOnEveryPath(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/locales", "/customers", "/customers/100000001", "/auths/refresh_token", "/nothing", "/publishers/x/consents"} {
		a := w.call(t, "OPTIONS", path, "", "Origin", "https://app.example", "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type")
		if a.status != http.StatusNoContent || a.body != "" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// A form on a page of any origin can send some of these without a preflight.
func TestBodyOfAnotherTypeIsRefusedUnread(t *testing.T) {
	w := newWorld(t)
	jwt, id, _ := w.mustCustomer(t, authstore.Customer{Email: "anna@example.com"})
	requests := []string{
		"POST /customers", "PUT /customers/passwords", "PATCH /customers/passwords", "PATCH /customers/" + id, "PUT /customers/" + id + "/consents",
		"PUT /customers/" + id + "/capture", "POST /auths", "POST /auths/refresh_token", "POST /sso/auths", "DELETE /refresh_tokens",
		"DELETE /3.1/customers/" + id,
	}
	requests = append(requests, slices.DeleteFunc(socialRequests(id), func(r string) bool { return strings.HasPrefix(r, "GET ") })...)
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		for _, kind := range []string{
			"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", "text/json", "application/ld+json",
			"application/json, text/plain", "application/json; charset", "x", "application/",
		} {
			r := httptest.NewRequest(method, target, iotest.ErrReader(errors.New("the body was read")))
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Authorization", "Bearer "+jwt)
			r.Header.Set("X-Publisher-Token", apiToken)
			recorder := httptest.NewRecorder()
			w.mux.ServeHTTP(recorder, r)
			if got := recorder.Body.String(); recorder.Code != http.StatusUnsupportedMediaType || got != `{"code":"REQ0415","errors":["Content-Type must be application/json"]}` {
				t.Errorf("%s as %s: %d %s", request, kind, recorder.Code, got)
			}
			readableAnywhere(t, recorder.Header())
		}
	}
}

func TestBodyOfNoTypeOrOfJSONIsRead(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"", "application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\"", " application/json "} {
		w.call(t, "POST", "/auths/refresh_token", "{}", "Content-Type", kind).refused(t, 400, "REQ0001", lacking)
	}
	w.call(t, "POST", "/auths/refresh_token", "{}").refused(t, 400, "REQ0001", lacking)
	for _, method := range []string{"GET", "HEAD"} {
		if a := w.ask(method, "/locales", "", "Content-Type", "text/plain"); a.Code != http.StatusOK {
			t.Errorf("%s: %d", method, a.Code)
		}
	}
}

// What the module answers by itself while the API cannot.
func TestAnswersInPlaceOfTheAPI(t *testing.T) {
	for name, test := range map[string]struct {
		answer     func(http.ResponseWriter, *http.Request)
		status     int
		want, wait string
	}{
		"no store": {
			func(w http.ResponseWriter, r *http.Request) { mediastore.Unavailable(w, r, 4001*time.Millisecond) },
			503, `{"code":"S0003","errors":["Service is not available, try again in a moment"]}`, "5",
		},
		"another host": {mediastore.Misdirected, 421, `{"code":"REQ0421","errors":["This host is not the hub"]}`, ""},
	} {
		recorder := httptest.NewRecorder()
		test.answer(recorder, httptest.NewRequest("GET", "/locales", nil))
		a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
		a.readEnvelope(t, name)
		readableAnywhere(t, a.header)
		if a.status != test.status || a.body != test.want || a.header.Get("Retry-After") != test.wait {
			t.Errorf("%s: %d %s %v", name, a.status, a.body, a.header)
		}
	}
}

// nested returns an object that is n objects deep, or alternately arrays.
func nested(n int, arrays bool) string {
	open, closing := `{"a":`, `}`
	if arrays {
		return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	return strings.Repeat(open, n-1) + "{}" + strings.Repeat(closing, n-1)
}

// wide returns an object of n members, the elements of an array counted in.
func wide(n int, arrays bool) string {
	if arrays {
		return `{"a":[0` + strings.Repeat(",0", n-2) + `]}`
	}
	var names []string
	for i := range n {
		names = append(names, `"m`+strconv.Itoa(i)+`":0`)
	}
	return "{" + strings.Join(names, ",") + "}"
}

// A body that is right as far as JSON goes is refused for what it lacks.
const lacking = "Missing or invalid parameter: refreshToken"

func TestBodyIsReadStrictly(t *testing.T) {
	const invalid = "Invalid request body"
	for _, test := range []struct{ name, body, want string }{
		{"object", `{}`, lacking},
		{"space around", " \t\r\n{ } \n", lacking},
		{"unknown members", `{"x":1,"y":[{"z":null}],"":true}`, lacking},
		{"escapes", `{"\u0078":"\u00e9\ud83d\ude00\\\/"}`, lacking},
		{"numbers", `{"x":-0.5e+10,"y":123456789012345678901234567890,"z":1e999}`, lacking},
		{"32 deep", nested(32, false), lacking},
		{"32 deep in arrays", nested(32, true), lacking},
		{"500 members", wide(500, false), lacking},
		{"500 members and elements", wide(500, true), lacking},
		{"a member named alike on another level", `{"a":{"a":{"A":1}}}`, lacking},
		{"a member named alike in another object", `{"x":[{"a":1},{"a":2}]}`, lacking},

		{"empty", ``, invalid},
		{"space", ` `, invalid},
		{"null", `null`, invalid},
		{"array", `[]`, invalid},
		{"array of an object", `[{}]`, invalid},
		{"string", `"{}"`, invalid},
		{"number", `1`, invalid},
		{"form", `email=a%40example.com`, invalid},
		{"cut short", `{"a":1`, invalid},
		{"cut short in a string", `{"a":"`, invalid},
		{"cut short after a colon", `{"a":`, invalid},
		{"no value", `{"a"}`, invalid},
		{"comma at the end", `{"a":1,}`, invalid},
		{"no comma", `{"a":1 "b":2}`, invalid},
		{"comma at the end of an array", `{"a":[1,]}`, invalid},
		{"wrong bracket", `{"a":[1}}`, invalid},
		{"name without quotes", `{a:1}`, invalid},
		{"number as a name", `{1:1}`, invalid},
		{"single quotes", `{'a':1}`, invalid},
		{"comment", `{/**/}`, invalid},
		{"NaN", `{"a":NaN}`, invalid},
		{"leading zero", `{"a":01}`, invalid},
		{"hexadecimal", `{"a":0x1}`, invalid},
		{"line break in a string", "{\"a\":\"\n\"}", invalid},
		{"unknown escape", `{"a":"\x41"}`, invalid},
		{"byte order mark", "\ufeff{}", invalid},
		{"NUL at the end", "{}\x00", invalid},
		{"trailing data", `{} x`, invalid},
		{"two documents", `{}{}`, invalid},
		{"trailing bracket", `{}}`, invalid},

		{"33 deep", nested(33, false), "body is nested too deeply"},
		{"33 deep in arrays", nested(33, true), "body is nested too deeply"},
		{"30000 deep", strings.Repeat(`{"a":`, 10_000), "body is nested too deeply"},

		{"501 members", wide(501, false), "body has too many members"},
		{"501 members and elements", wide(501, true), "body has too many members"},

		{"member twice", `{"a":1,"a":1}`, `member "a" is given twice`},
		{"member twice in another case", `{"refreshToken":"x","RefreshTOKEN":"y"}`, `member "RefreshTOKEN" is given twice`},
		{"member twice by an escape", `{"a":1,"\u0061":2}`, `member "a" is given twice`},
		{"member twice inside", `{"x":{"a":1,"A":2}}`, `member "A" is given twice`},
		{"member twice inside an array", `{"x":[{"a":1,"a":2}]}`, `member "a" is given twice`},
		// encoding/json takes the Kelvin sign for a k and the long s for an s.
		{"member twice by folding k", "{\"refreshToken\":\"x\",\"refreshTo\u212aen\":\"y\"}", "member \"refreshTo\u212aen\" is given twice"},
		{"member twice by folding s", "{\"refreshToken\":\"x\",\"refre\u017fhToken\":\"y\"}", "member \"refre\u017fhToken\" is given twice"},
	} {
		t.Run(test.name, func(t *testing.T) {
			newWorld(t).call(t, "POST", "/auths/refresh_token", test.body).refused(t, 400, "REQ0001", test.want)
		})
	}
}

// encoding/json would put the same character in place of every wrong byte, so
// that different passwords become one.
func TestBodyThatIsNoUTF8IsRefused(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{"{\"refreshToken\":\"\xff\"}", "{\"\xff\":1}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xc0\xae\"}", `{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`} {
		w.call(t, "POST", "/auths/refresh_token", body).refused(t, 400, "REQ0001", "Invalid request body")
		if t.Failed() {
			t.Fatalf("%q", body)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	w := newWorld(t)
	filled := func(size int) string {
		return `{"x":"` + strings.Repeat("x", size-len(`{"x":""}`)) + `"}`
	}
	w.call(t, "POST", "/auths/refresh_token", filled(64<<10)).refused(t, 400, "REQ0001", lacking)
	w.call(t, "POST", "/auths/refresh_token", filled(64<<10+1)).refused(t, 400, "REQ0001", "body is larger than 64 KiB")
	w.call(t, "POST", "/auths/refresh_token", strings.Repeat(" ", 1<<20)).refused(t, 400, "REQ0001", "body is larger than 64 KiB")
}

func TestBodyThatBreaksOffIsRefused(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest("POST", "/auths/refresh_token", iotest.ErrReader(errDown))
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, r)
	if got := recorder.Body.String(); recorder.Code != http.StatusBadRequest || got != `{"code":"REQ0001","errors":["body cannot be read"]}` {
		t.Errorf("%d %s", recorder.Code, got)
	}
	readableAnywhere(t, recorder.Header())
}

func TestNoAnswerRepeatsWhatWasSent(t *testing.T) {
	w := newWorld(t)
	const script = "<script>alert(1)</script>"
	for _, a := range []answer{
		w.call(t, "POST", "/customers", registration(map[string]any{"email": script})),
		w.call(t, "POST", "/auths", login(script, script)),
		w.call(t, "POST", "/auths/refresh_token", refresh(script)),
		w.call(t, "GET", "/locales?customerIP="+script, ""),
	} {
		if strings.Contains(a.body, "alert") {
			t.Errorf("%s", a.body)
		}
	}
}
