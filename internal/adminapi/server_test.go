// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/adminapi"
	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/mediastore/openapitest"
	"github.com/usher-sso/usher/internal/staff"
)

// description reads the description once, because that takes a while.
var description = sync.OnceValues(func() (*openapitest.Document, error) {
	b, err := adminapi.Describe(mediastore.Description())
	if err != nil {
		return nil, err
	}
	return openapitest.Read(b)
})

// recorder judges all answers of all tests.
var recorder = sync.OnceValue(func() *openapitest.Recorder {
	d, err := description()
	if err != nil {
		panic(err) // TestDescriptionIsValid tells more
	}
	return d.Record(http.DefaultTransport)
})

// server is the API as it runs, over a dashboard of its own.
type server struct {
	*admintest.World
	t       *testing.T
	url     string
	client  *http.Client
	reports []error
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{World: admintest.New(t), t: t, client: &http.Client{Transport: recorder()}}
	mux := http.NewServeMux()
	adminapi.New(s.Service, func(_ *http.Request, err error) { s.reports = append(s.reports, err) }).Mount(mux)
	listening := httptest.NewServer(mux)
	t.Cleanup(listening.Close)
	s.url = listening.URL
	return s
}

// boss signs in an owner of our publishers and returns what the browser sends.
func (s *server) boss() []string {
	s.t.Helper()
	return cookie(s.Joins(s.t, "boss@example.com", authstore.RoleOwner, admintest.Ours, admintest.Sandbox, admintest.Free))
}

// cookie returns what the browser sends from a page of the hub's.
func cookie(proof string) []string {
	return []string{"Cookie", "__Host-usher-staff=" + proof, "Sec-Fetch-Site", "same-origin"}
}

// token returns what a publisher's own server sends.
func token(secret string) []string { return []string{"X-Publisher-Token", secret} }

// answer is what was answered.
type answer struct {
	status int
	header http.Header
	body   string

	Data   json.RawMessage `json:"responseData"`
	Code   string          `json:"code"`
	Errors []string        `json:"errors"`
	Field  string          `json:"field"`
}

// send asks with "METHOD path", the path below Prefix, a body and pairs of headers, of
// which an empty value removes one.
func (s *server) send(request, body string, headers ...string) answer {
	s.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r, err := http.NewRequest(method, s.url+adminapi.Prefix+target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host = strings.TrimPrefix(admintest.Hub, "https://")
	if r.Body = http.NoBody; body != "" {
		r.Body = io.NopCloser(strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	got, err := s.client.Do(r)
	if err != nil {
		s.t.Fatalf("%s: %v", request, err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		s.t.Fatalf("%s: %v", request, err)
	}
	a := answer{status: got.StatusCode, header: got.Header, body: string(b)}
	if got.Header.Get("Content-Disposition") == "" {
		if err := json.Unmarshal(b, &a); err != nil {
			s.t.Errorf("%s: %v: %s", request, err, b)
		}
	}
	s.checkHeaders(request, a)
	return a
}

// checkHeaders fails for what no answer may say, and for what every one must. Cookies
// come only from what members do with their own accounts, when it is done.
func (s *server) checkHeaders(request string, a answer) {
	s.t.Helper()
	want := map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "", "Set-Cookie": ""}
	for _, act := range admin.OwnActs() {
		if act.Method+" "+act.Path == request && a.status == http.StatusOK && !act.Reads() {
			delete(want, "Set-Cookie")
		}
	}
	for name, want := range want {
		if got := a.header.Get(name); got != want {
			s.t.Errorf("%s: %s %q, want %q", request, name, got, want)
		}
	}
	for _, problem := range recorder().Problems() {
		s.t.Errorf("%s: %v", request, problem)
	}
}

// want asks, and fails unless the status and the code are these.
func (s *server) want(status int, code, request, body string, headers ...string) answer {
	s.t.Helper()
	a := s.send(request, body, headers...)
	if a.status != status || a.Code != code {
		s.t.Errorf("%s %.80s: %d %s %q, want %d %s", request, body, a.status, a.Code, a.body, status, code)
	}
	return a
}

// log returns how many entries the audit log of a publisher has.
func (s *server) log(publisher int64) int {
	s.t.Helper()
	page, err := s.Store.AuditLog(context.Background(), authstore.AuditQuery{Publisher: publisher, Limit: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	return len(page.Entries)
}

// path returns the request for an act at a publisher.
func path(act *admin.Act, publisher int64, params map[string]string) string {
	target := act.Path
	for name, value := range params {
		target = strings.ReplaceAll(target, "{"+name+"}", value)
	}
	return act.Method + " " + admintest.ID(publisher) + "/" + target
}

// unfinished signs in an owner who has not set a second factor up.
func (s *server) unfinished() []string {
	s.t.Helper()
	ctx := context.Background()
	made, err := s.Staff.Invite(ctx, authstore.ByCommandLine, "new@example.com", "", map[int64]authstore.Role{admintest.Free: authstore.RoleOwner})
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := s.Staff.Accept(ctx, made.Secret, admintest.Password, staff.Device{IP: "192.0.2.9"})
	if err != nil {
		s.t.Fatal(err)
	}
	return cookie(e.Proof)
}
