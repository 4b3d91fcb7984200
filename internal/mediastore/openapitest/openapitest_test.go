// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package openapitest_test

import (
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/usher-sso/usher/internal/mediastore/openapitest"
)

// read reads the description once, because that takes a while.
var read = sync.OnceValues(func() (*openapitest.Document, error) {
	b, err := os.ReadFile("../openapi.json")
	if err != nil {
		return nil, err
	}
	return openapitest.Read(b)
})

func mustRead(t *testing.T) *openapitest.Document {
	t.Helper()
	d, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// small is a description with one of everything that Read judges.
const small = `{
  "openapi": "3.1.0",
  "info": {"title": "Small", "version": "1"},
  "paths": {
    "/things/{id}": {
      "put": {
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {
          "schema": {"type": "object", "properties": {"size": {"type": "integer", "minimum": 1}}},
          "examples": {"one": {"value": {"size": 1}}}
        }}},
        "responses": {"200": {"description": "Done.", "content": {"application/json": {
          "schema": {"$ref": "#/components/schemas/Thing"},
          "example": {"kind": "big"}
        }}}}
      }
    }
  },
  "components": {"schemas": {"Thing": {
    "type": "object", "additionalProperties": false, "required": ["kind"], "properties": {"kind": {"enum": ["big", "small"]}}
  }}}
}`

func TestReadRefusesWhatIsNoDescription(t *testing.T) {
	if _, err := openapitest.Read([]byte(small)); err != nil {
		t.Fatalf("the whole: %v", err)
	}
	for name, change := range map[string][2]string{
		"no title":                      {`"title": "Small", `, ``},
		"unknown place of a parameter":  {`"in": "path"`, `"in": "body"`},
		"unknown type":                  {`"type": "integer"`, `"type": "int"`},
		"reference to nothing":          {`"$ref": "#/components/schemas/Thing"`, `"$ref": "#/components/schemas/Nothing"`},
		"example of a request":          {`"size": 1}}`, `"size": 0}}`},
		"example of an answer":          {`"kind": "big"`, `"kind": "huge"`},
		"example with a surplus member": {`"kind": "big"`, `"kind": "big", "size": 1`},
		"example without a member":      {`{"kind": "big"}`, `{}`},
		"no JSON":                       {`{`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(small, change[0], change[1], 1)
			if bad == small {
				t.Fatalf("the description has no %s", change[0])
			}
			if _, err := openapitest.Read([]byte(bad)); err == nil {
				t.Error("taken")
			}
		})
	}
}

// canned is a transport that answers alike whatever it is asked.
type canned struct {
	status int
	header map[string]string
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	a := &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}
	for name, value := range c.header {
		a.Header.Set(name, value)
	}
	return a, nil
}

const (
	done     = `{"responseData":{"success":true},"errors":[]}`
	tooMany  = `{"code":"REQ0429","errors":["Too many requests"]}`
	askReset = `{"customerEmail":"ann@example.com","publisherId":"100000001"}`
)

// exchange is a request to ask for a reset mail, and an answer.
type exchange struct {
	sent    string
	status  int
	change  map[string]string // of the headers that belong there; "" removes one
	body    string
	problem bool
}

var exchanges = map[string]exchange{
	"nothing where all is well":   {askReset, 200, nil, done, false},
	"nothing in a refusal":        {`{}`, 429, nil, tooMany, false},
	"a request that should fail":  {`{}`, 200, nil, done, true},
	"a number in a request":       {`{"customerEmail":5,"publisherId":"100000001"}`, 200, nil, done, true},
	"a status":                    {askReset, 204, nil, ``, true},
	"a status that others have":   {askReset, 401, nil, `{"code":"AUTH0001","errors":["Missing required JWT"]}`, true},
	"another type":                {askReset, 200, map[string]string{"Content-Type": "text/plain"}, done, true},
	"no body":                     {askReset, 200, nil, ``, true},
	"a body that is no JSON":      {askReset, 200, nil, `{"responseData"`, true},
	"a missing member":            {askReset, 200, nil, `{"responseData":{"success":true}}`, true},
	"a surplus member":            {askReset, 200, nil, `{"responseData":{"success":true},"errors":[],"message":""}`, true},
	"a surplus member deep down":  {askReset, 200, nil, `{"responseData":{"success":true,"x":1},"errors":[]}`, true},
	"an error beside data":        {askReset, 200, nil, `{"responseData":{"success":true},"errors":["x"]}`, true},
	"data in a refusal":           {askReset, 429, nil, `{"responseData":{},"code":"REQ0429","errors":["Too many requests"]}`, true},
	"another code":                {askReset, 429, nil, `{"code":"REQ0001","errors":["Too many requests"]}`, true},
	"another message":             {askReset, 429, nil, `{"code":"REQ0429","errors":["Slow down"]}`, true},
	"a refusal without a message": {askReset, 400, nil, `{"code":"REQ0001","errors":[]}`, true},
	"a missing header":            {askReset, 200, map[string]string{"Access-Control-Allow-Origin": ""}, done, true},
	"a wrong header":              {askReset, 200, map[string]string{"Cache-Control": "public"}, done, true},
	"no time to wait":             {askReset, 429, map[string]string{"Retry-After": ""}, tooMany, true},
	"a time that is none":         {askReset, 429, map[string]string{"Retry-After": "soon"}, tooMany, true},
	"a time that is over":         {askReset, 429, map[string]string{"Retry-After": "0"}, tooMany, true},
	"a time that is not shown":    {askReset, 429, map[string]string{"Access-Control-Expose-Headers": ""}, tooMany, true},
}

func TestRecorderNotices(t *testing.T) {
	d := mustRead(t)
	for name, test := range exchanges {
		t.Run(name, func(t *testing.T) {
			header := map[string]string{
				"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store", "Retry-After": "90",
				"Access-Control-Expose-Headers": "Retry-After",
			}
			maps.Copy(header, test.change)
			maps.DeleteFunc(header, func(_, value string) bool { return value == "" })
			recorder := d.Record(canned{test.status, header, test.body})
			r, err := http.NewRequest(http.MethodPut, "http://hub.localhost:8080/customers/passwords", strings.NewReader(test.sent))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			a, err := (&http.Client{Transport: recorder}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Body.Close()
			if got, err := io.ReadAll(a.Body); err != nil || string(got) != test.body {
				t.Errorf("the client reads %q, %v", got, err)
			}
			if got := recorder.Seen(); got[openapitest.Sight{Operation: "PUT /customers/passwords", Status: test.status}] != 1 || len(got) != 1 {
				t.Errorf("seen %v", got)
			}
			if found := recorder.Problems(); (len(found) > 0) != test.problem {
				t.Errorf("found %v", found)
			}
		})
	}
}

func TestRecorderPassesWhatIsNotDescribed(t *testing.T) {
	d := mustRead(t)
	recorder := d.Record(canned{status: 200, body: "<html>"})
	client := &http.Client{Transport: recorder}
	for _, path := range []string{"/", "/login", "/customers", "/customers/512345678/subscriptions"} { // GET
		a, err := client.Get("http://hub.localhost:8080" + path)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
	}
	if seen, found := recorder.Seen(), recorder.Problems(); len(seen) > 0 || len(found) > 0 {
		t.Errorf("seen %v, found %v", slices.Collect(maps.Keys(seen)), found)
	}
}

func TestOperationIsTheOneThatServeMuxTakes(t *testing.T) {
	d := mustRead(t)
	for request, want := range map[string]string{
		"PATCH /customers/passwords":      "PATCH /customers/passwords",
		"PATCH /customers/512345678":      "PATCH /customers/{customerId}",
		"GET /customers/x":                "GET /customers/{customerId}",
		"GET /locales?customerIP=8.8.8.8": "GET /locales",
		"DELETE /3.1/customers/512345678": "DELETE /3.1/customers/{customerId}",
		"DELETE /customers/512345678":     "",
		"OPTIONS /locales":                "",
	} {
		method, target, _ := strings.Cut(request, " ")
		r, err := http.NewRequest(method, "http://hub.localhost:8080"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Operation(r); got != want {
			t.Errorf("%s is %q, want %q", request, got, want)
		}
	}
}
