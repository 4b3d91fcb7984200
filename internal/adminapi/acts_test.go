// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi_test

import (
	"context"
	"encoding/json"
	"mime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

// example is a request that does an act. Its words in capitals stand for what is
// made ready: CUSTOMER, MEMBER, LATER and REVISION.
type example struct {
	publisher int64             // default: Free
	before    []string          // acts and their input that make ready, by the owner: "consent.save {…}"
	params    map[string]string // of the path
	query     string
	body      string
}

var (
	customer = map[string]string{"customerId": "CUSTOMER"}
	member   = map[string]string{"staffId": "MEMBER"}
	version  = map[string]string{"name": "terms", "version": "1"}
)

const (
	draft  = `{"name": "terms", "kind": "terms", "version": "1", "label": "I agree.", "required": true, "texts": [{"language": "de", "label": "Ja.", "value": ""}]}`
	saved  = "consent.save " + draft
	begun  = "consent.publish {}"
	coming = `consent.publish {"begins": "LATER"}`
)

// examples are those of all acts.
var examples = map[string]example{
	"overview.get":              {publisher: admintest.Ours, query: "days=3"},
	"audit.list":                {query: "act=capture.&from=2020-01-01&limit=5", before: []string{`capture.save {"enabled": true, "fields": [{"key": "email"}]}`}},
	"customer.list":             {query: "search=ann&sort=email&registeredFrom=2020-01-31&unverified=true&limit=10"},
	"customer.get":              {params: customer, publisher: admintest.Ours},
	"customer.sendReset":        {params: customer},
	"customer.sendVerification": {params: customer},
	"customer.verify":           {params: customer},
	"customer.disable":          {params: customer},
	"customer.enable":           {params: customer},
	"customer.signOut":          {params: customer, body: `{"session": ""}`},
	"customer.changeEmail":      {params: customer, body: `{"email": "new@example.com"}`},
	"customer.export":           {params: customer},
	"customer.erase":            {params: customer, body: `{"confirm": "CUSTOMER"}`},
	"consent.list":              {publisher: admintest.Ours},
	"consent.get":               {params: version, before: []string{saved, coming}},
	"consent.save":              {body: draft},
	"consent.drop":              {params: version, before: []string{saved}},
	"consent.publish":           {params: version, before: []string{saved}, body: `{"begins": "LATER"}`},
	"consent.unpublish":         {params: version, before: []string{saved, coming}},
	"consent.retire":            {params: version, before: []string{saved, begun}},
	"consent.order":             {before: []string{saved, begun}, body: `{"revision": REVISION, "names": ["terms"]}`},
	"consent.exportEvidence":    {publisher: admintest.Ours},
	"capture.get":               {publisher: admintest.Ours},
	"capture.save":              {body: `{"revision": REVISION, "enabled": true, "enforced": false, "fields": [{"key": "custom_1", "required": true, "question": "Team?", "choices": ["Ajax"], "position": 1}]}`},
	"capture.answers":           {publisher: admintest.Ours},
	"capture.export":            {publisher: admintest.Ours},
	"settings.get":              {},
	"settings.save":             {body: `{"revision": REVISION, "name": "Freer", "offers": [], "tokenLife": "5m", "verifyEmail": true}`},
	"brand.save":                {body: `{"revision": REVISION, "color": "0a5bd3", "links": [{"name": "help", "url": "https://example.com/help"}]}`},
	"brand.picture":             {body: `{"revision": REVISION, "kind": "logo", "picture": "cGljdHVyZQ=="}`},
	"token.rotate":              {body: `{"revision": REVISION}`},
	"token.revoke":              {body: `{"revision": REVISION}`},
	"staff.list":                {before: []string{`staff.invite {"email": "bob@example.com", "role": "editor"}`}},
	"staff.invite":              {body: `{"email": "bob@example.com", "role": "editor", "name": "Bob"}`},
	"staff.withdraw":            {before: []string{`staff.invite {"email": "bob@example.com", "role": "editor"}`}, body: `{"email": "bob@example.com"}`},
	"staff.changeRole":          {params: member, body: `{"role": "support"}`},
	"staff.remove":              {params: member},
	"staff.disable":             {params: member},
	"staff.enable":              {params: member},
	"staff.signOut":             {params: member},
	"staff.resetSecondFactor":   {params: member},
	"sandbox.diff":              {publisher: admintest.Sandbox, query: "to=100000004", before: []string{`settings.save {"tokenLife": "5m"}`}},
	"sandbox.copy":              {publisher: admintest.Sandbox, body: `{"to": "100000004", "from": 0, "revision": 0}`},
	"sandbox.reset":             {publisher: admintest.Sandbox, body: `{"confirm": "100000003"}`},
}

// at returns the publisher at which an example is done.
func (x example) at() int64 {
	if x.publisher == 0 {
		return admintest.Free
	}
	return x.publisher
}

// ready makes ready what an example is about, and returns the request.
func (x example) ready(s *server, act *admin.Act, boss []string) (request, body string) {
	s.t.Helper()
	words := []string{"LATER", s.Clock.Now().Add(48 * time.Hour).Format(time.RFC3339)}
	c := s.Customer(s.t, x.at(), "ann@example.com")
	s.Session(s.t, c)
	words = append(words, "CUSTOMER", admintest.ID(c.ID))
	if strings.Contains(act.Path, "{staffId}") {
		m := s.Actor(s.t, s.Joins(s.t, "eve@example.com", authstore.RoleEditor, x.at()))
		words = append(words, "MEMBER", m.Staff.ID)
	}
	fill := strings.NewReplacer(words...)
	for _, line := range x.before {
		name, input, _ := strings.Cut(line, " ")
		s.want(200, "", path(admin.ActNamed(name), x.at(), version), fill.Replace(input), boss...)
	}
	request = fill.Replace(path(act, x.at(), x.params))
	if x.query != "" {
		request += "?" + x.query
	}
	return request, fill.Replace(x.body)
}

func TestEveryActIsDoneForStaff(t *testing.T) {
	for _, act := range admin.Acts() {
		x, ok := examples[act.Name]
		if !ok {
			t.Errorf("%s has no example here; add one", act.Name)
			continue
		}
		t.Run(act.Name, func(t *testing.T) {
			s := serve(t)
			boss := s.boss()
			request, body := x.ready(s, act, boss)
			before := s.log(x.at())
			a := s.want(200, "", request, s.now(body, x.at()), boss...)
			checkOutput(t, act, a)
			want := 1
			if act.Reads() {
				want = 0
			}
			if got := s.log(x.at()) - before; got != want {
				t.Errorf("%d new entries in the audit log, want %d", got, want)
			}
			if len(s.reports) > 0 {
				t.Errorf("reported %v", s.reports)
			}
		})
	}
}

// checkOutput holds a success to the act: a file, or the envelope.
func checkOutput(t *testing.T, act *admin.Act, a answer) {
	t.Helper()
	if act.Exports == "" {
		if a.Data == nil || string(a.Data) == "null" || a.Errors == nil || len(a.Errors) > 0 || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s", a.body)
		}
		return
	}
	disposition, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
	if err != nil || disposition != "attachment" || params["filename"] == "" || a.header.Get("Content-Type") != act.Exports || a.body == "" {
		t.Errorf("%v %q", a.header, a.body)
	}
}

func TestAPITokenDoesWhatNeedsNoOwner(t *testing.T) {
	for _, act := range admin.Acts() {
		x := examples[act.Name]
		t.Run(act.Name, func(t *testing.T) {
			s := serve(t)
			boss := s.boss()
			request, body := x.ready(s, act, boss)
			servers := s.servers(x.at(), boss)
			body = s.now(body, x.at())
			if act.Needs == admin.Own {
				s.want(403, "ADM0002", request, body, servers...)
				return
			}
			checkOutput(t, act, s.want(200, "", request, body, servers...))
		})
	}
}

// servers returns what the servers of a publisher send.
func (s *server) servers(publisher int64, boss []string) []string {
	s.t.Helper()
	if publisher == admintest.Ours {
		return token(admintest.OursToken)
	}
	var made admin.NewToken
	a := s.want(200, "", path(admin.ActNamed("token.rotate"), publisher, nil), s.now(`{"revision": REVISION}`, publisher), boss...)
	if err := json.Unmarshal(a.Data, &made); err != nil {
		s.t.Fatal(err)
	}
	return token(made.Token)
}

// now writes the revision of a publisher's settings where a body says REVISION.
func (s *server) now(body string, publisher int64) string {
	s.t.Helper()
	set, err := s.Store.Settings(context.Background(), publisher)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.ReplaceAll(body, "REVISION", strconv.FormatInt(set.Revision, 10))
}
