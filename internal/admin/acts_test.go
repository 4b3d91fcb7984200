// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

var roles = []authstore.Role{authstore.RoleOwner, authstore.RoleEditor, authstore.RoleSupport, authstore.RoleReadOnly}

// world is a dashboard under test.
type world struct {
	*admintest.World
	boss *admin.Actor // who acts in must, if not anybody with the role
}

func newWorld(t testing.TB) *world { return &world{World: admintest.New(t)} }

// params are the parameters of an act's path.
type params map[string]string

// at is a place at a publisher.
func at(publisher int64, p params) admin.Place {
	return admin.Place{Publisher: admintest.ID(publisher), Param: func(name string) string { return p[name] }}
}

// do does an act with JSON.
func (w *world) do(a admin.Actor, name string, publisher int64, p params, input string) (any, error) {
	act := admin.ActNamed(name)
	if act == nil {
		return nil, errors.New("no act " + name)
	}
	return w.Do(context.Background(), a, act, at(publisher, p), []byte(input))
}

// must does an act as an owner, and returns what it gives.
func (w *world) must(t testing.TB, name string, publisher int64, p params, input string) any {
	t.Helper()
	a := w.As(authstore.RoleOwner)
	if w.boss != nil {
		a = *w.boss
	}
	out, err := w.do(a, name, publisher, p, input)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func get[T any](t testing.TB, w *world, name string, publisher int64, p params, input string) T {
	t.Helper()
	return w.must(t, name, publisher, p, input).(T)
}

// log returns the audit log of a publisher, newest first.
func (w *world) log(t testing.TB, publisher int64) []authstore.AuditEntry {
	t.Helper()
	page, err := w.Store.AuditLog(context.Background(), authstore.AuditQuery{Publisher: publisher, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	return page.Entries
}

func TestEveryActIsRefusedWhereTheRoleEnds(t *testing.T) {
	w := newWorld(t)
	stranger := w.As(authstore.RoleOwner)
	stranger.Staff.Roles = map[int64]authstore.Role{admintest.Other: authstore.RoleOwner}
	disabled := w.As(authstore.RoleOwner)
	disabled.Staff.Disabled = true
	for _, act := range admin.Acts() {
		for _, role := range roles {
			_, err := w.do(w.As(role), act.Name, admintest.Free, nil, "{}")
			if refused := errors.Is(err, admin.ErrForbidden); refused == admin.Allows(role, act.Needs) && act.Name != "sandbox.diff" && act.Name != "sandbox.copy" {
				t.Errorf("%s as %s: %v", act.Name, role, err)
			}
		}
		for name, a := range map[string]admin.Actor{
			"nobody": {}, "an owner of another publisher": stranger, "a disabled owner": disabled,
			"a server of another publisher": {Server: admintest.Other},
		} {
			for _, publisher := range []string{admintest.ID(admintest.Ours), "100000009", "0100000001", "x", ""} {
				place := admin.Place{Publisher: publisher, Param: func(string) string { return "" }}
				if _, err := w.Do(context.Background(), a, act, place, nil); !errors.Is(err, admin.ErrForbidden) {
					t.Errorf("%s as %s at %q: %v, want ErrForbidden", act.Name, name, publisher, err)
				}
			}
		}
		_, err := w.do(admin.Actor{Server: admintest.Ours}, act.Name, admintest.Ours, nil, "{}")
		if refused := errors.Is(err, admin.ErrForbidden); refused != (act.Needs == admin.Own) {
			t.Errorf("%s as our server: %v", act.Name, err)
		}
	}
	if got := w.log(t, admintest.Ours); len(got) > 0 && got[0].Actor != "server" {
		t.Errorf("refused acts are in the log: %+v", got)
	}
}

func TestDangerousActsNeedAFreshProof(t *testing.T) {
	w := newWorld(t)
	stale := w.As(authstore.RoleOwner)
	w.Clock.Add(10 * time.Minute)
	dangerous := 0
	for _, act := range admin.Acts() {
		_, err := w.do(stale, act.Name, admintest.Free, nil, "{}")
		if errors.Is(err, admin.ErrStepUp) != act.StepUp {
			t.Errorf("%s: %v", act.Name, err)
		}
		if act.StepUp {
			dangerous++
		}
	}
	for _, name := range []string{
		"customer.erase", "customer.changeEmail", "consent.publish", "consent.retire", "settings.save", "token.rotate", "token.revoke",
		"staff.invite", "staff.changeRole", "staff.remove", "staff.resetSecondFactor", "sandbox.reset", "sandbox.copy",
	} {
		if act := admin.ActNamed(name); act == nil || !act.StepUp {
			t.Errorf("%s needs no fresh proof", name)
		}
	}
	if dangerous == 0 {
		t.Error("nothing is dangerous")
	}
}

// example is an input with which an act succeeds.
type example struct {
	publisher int64
	params    params
	input     string
	before    func(t *testing.T, w *world) (params, string) // makes ready what the act is about
}

// onCustomer is an example about a new customer.
func onCustomer(input string) example {
	return example{publisher: admintest.Free, before: func(t *testing.T, w *world) (params, string) {
		id := admintest.ID(w.Customer(t, admintest.Free, "ann@example.com").ID)
		return params{"customerId": id}, strings.ReplaceAll(input, "ID", id)
	}}
}

// onMember is an example about another member of the staff, who is not alone.
func onMember(input string) example {
	return example{publisher: admintest.Free, before: func(t *testing.T, w *world) (params, string) {
		w.Joins(t, "first@example.com", authstore.RoleEditor, admintest.Free)
		members := get[admin.StaffList](t, w, "staff.list", admintest.Free, nil, "").Staff
		for _, m := range members {
			if m.Role == authstore.RoleEditor {
				return params{"staffId": m.ID}, input
			}
		}
		return nil, input
	}}
}

const draft = `{"name": "terms", "kind": "terms", "version": "1", "label": "I agree.", "required": true}`

// onDraft is an example about a draft of a consent.
func onDraft(input string, then ...string) example {
	return example{publisher: admintest.Free, before: func(t *testing.T, w *world) (params, string) {
		p := params{"name": "terms", "version": "1"}
		w.must(t, "consent.save", admintest.Free, nil, draft)
		for _, name := range then {
			begins := `{"begins": "` + w.Store.Now().Add(48*time.Hour).Format(time.RFC3339) + `"}`
			if name == "now" {
				name, begins = "consent.publish", "{}"
			}
			w.must(t, name, admintest.Free, p, begins)
		}
		return p, strings.ReplaceAll(input, "REVISION", fmt.Sprint(w.revision(t, admintest.Free)))
	}}
}

func (w *world) revision(t testing.TB, publisher int64) int64 {
	t.Helper()
	set, err := w.Store.Settings(context.Background(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	return set.Revision
}

// examples are those of all acts that do something.
var examples = map[string]example{
	"customer.sendReset":        onCustomer(``),
	"customer.sendVerification": onCustomer(``),
	"customer.verify":           onCustomer(``),
	"customer.disable":          onCustomer(``),
	"customer.enable":           onCustomer(``),
	"customer.signOut":          onCustomer(`{}`),
	"customer.changeEmail":      onCustomer(`{"email": "new@example.com"}`),
	"customer.export":           onCustomer(``),
	"customer.erase":            onCustomer(`{"confirm": "ID"}`),
	"consent.save":              {publisher: admintest.Free, input: draft},
	"consent.drop":              onDraft(`{}`),
	"consent.publish":           onDraft(`{}`),
	"consent.unpublish":         onDraft(`{}`, "consent.publish"),
	"consent.retire":            onDraft(`{}`, "now"),
	"consent.order":             onDraft(`{"revision": REVISION, "names": ["terms"]}`, "now"),
	"consent.exportEvidence":    {publisher: admintest.Ours},
	"capture.save":              {publisher: admintest.Free, input: `{"enabled": true, "fields": [{"key": "birthDate"}]}`},
	"capture.export":            {publisher: admintest.Ours},
	"settings.save":             {publisher: admintest.Free, input: `{"name": "Freer"}`},
	"brand.save":                {publisher: admintest.Free, input: `{"color": "0a5bd3"}`},
	"brand.picture":             {publisher: admintest.Free, input: `{"kind": "logo", "picture": "cGljdHVyZQ=="}`},
	"token.rotate":              {publisher: admintest.Free, input: `{}`},
	"token.revoke":              {publisher: admintest.Free, input: `{}`},
	"staff.invite":              {publisher: admintest.Free, input: `{"email": "bob@example.com", "role": "editor"}`},
	"staff.withdraw": {publisher: admintest.Free, before: func(t *testing.T, w *world) (params, string) {
		w.must(t, "staff.invite", admintest.Free, nil, `{"email": "bob@example.com", "role": "editor"}`)
		return nil, `{"email": "bob@example.com"}`
	}},
	"staff.changeRole":        onMember(`{"role": "support"}`),
	"staff.remove":            onMember(``),
	"staff.disable":           onMember(``),
	"staff.enable":            onMember(``),
	"staff.signOut":           onMember(``),
	"staff.resetSecondFactor": onMember(``),
	"sandbox.copy":            {publisher: admintest.Sandbox, input: `{"to": "100000004"}`},
	"sandbox.reset":           {publisher: admintest.Sandbox, input: `{"confirm": "100000003"}`},
}

// ready returns a world in which an example can be tried, as an owner.
func (x example) ready(t *testing.T) (*world, admin.Actor, params, string) {
	t.Helper()
	w := newWorld(t)
	a := w.Actor(t, w.Joins(t, "boss@example.com", authstore.RoleOwner, admintest.Ours, admintest.Sandbox, admintest.Free))
	w.boss = &a
	p, input := x.params, x.input
	if x.before != nil {
		p, input = x.before(t, w)
		w.Clock.Add(time.Second)
	}
	return w, a, p, input
}

func TestEveryActIsInTheAuditLog(t *testing.T) {
	for _, act := range admin.Acts() {
		x, ok := examples[act.Name]
		if act.Reads() {
			continue
		}
		if !ok {
			t.Errorf("%s has no example here; add one", act.Name)
			continue
		}
		t.Run(act.Name, func(t *testing.T) {
			w, a, p, input := x.ready(t)
			before := len(w.log(t, x.publisher))
			if _, err := w.do(a, act.Name, x.publisher, p, input); err != nil {
				t.Fatal(err)
			}
			entries := w.log(t, x.publisher)
			if len(entries) != before+1 {
				t.Fatalf("%d new entries", len(entries)-before)
			}
			e := entries[0]
			if e.Act != act.Name || e.Actor != a.Staff.ID || e.ActorName != "boss@example.com" || e.IP != "192.0.2.9" || e.Error != "" || e.PublisherID != x.publisher {
				t.Errorf("%+v", e)
			}
			text, _ := json.Marshal(e)
			for _, secret := range []string{"ann@example.com", "new@example.com", admintest.Password} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("the entry holds %q: %s", secret, text)
				}
			}
		})
	}
}

var errDisk = errors.New("disk is full")

func TestNothingIsDoneThatCannotBeLogged(t *testing.T) {
	for name, x := range examples {
		t.Run(name, func(t *testing.T) {
			w, a, p, input := x.ready(t)
			if x.publisher == admintest.Sandbox {
				w.Customer(t, admintest.Sandbox, "sam@example.com")
			}
			// The first update of an act is its entry in the log.
			if name == "brand.picture" {
				return // keeps the picture first, which nothing shows
			}
			before := w.state(t, x.publisher)
			w.Faulty.FailUpdate(errDisk)
			if _, err := w.do(a, name, x.publisher, p, input); !errors.Is(err, errDisk) {
				t.Fatalf("%v, want the disk's error", err)
			}
			if after := w.state(t, x.publisher); after != before {
				t.Errorf("before %s\nafter  %s", before, after)
			}
		})
	}
}

// state returns what acts change of a publisher.
func (w *world) state(t *testing.T, publisher int64) string {
	t.Helper()
	var all []any
	for _, name := range []string{"customer.list", "consent.list", "capture.get", "settings.get", "staff.list"} {
		all = append(all, w.must(t, name, publisher, nil, ""))
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestOutcomeOfAFailedActIsNoted(t *testing.T) {
	w := newWorld(t)
	c := w.Customer(t, admintest.Free, "ann@example.com")
	w.Customer(t, admintest.Free, "bob@example.com")
	_, err := w.do(w.As(authstore.RoleSupport), "customer.changeEmail", admintest.Free, params{"customerId": admintest.ID(c.ID)}, `{"email": "bob@example.com"}`)
	var invalid *admin.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != "email" {
		t.Errorf("%v, want an InvalidError about the address", err)
	}
	if e := w.log(t, admintest.Free)[0]; e.Act != "customer.changeEmail" || e.Target != admintest.ID(c.ID) || e.Error != invalid.Error() {
		t.Errorf("%+v", e)
	}
}

func TestAnotherAddressEndsAllSessions(t *testing.T) {
	w := newWorld(t)
	c := w.Customer(t, admintest.Free, "ann@example.com")
	w.Session(t, c)
	w.must(t, "customer.changeEmail", admintest.Free, params{"customerId": admintest.ID(c.ID)}, `{"email": "new@example.com"}`)
	if left, err := w.Store.CustomerSessions(t.Context(), c.ID); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestCustomersOfOtherPublishersAreNotThere(t *testing.T) {
	w := newWorld(t)
	theirs := w.Customer(t, admintest.Other, "theirs@example.com")
	before, err := w.Store.Customer(context.Background(), theirs.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range admin.Acts() {
		if !strings.Contains(act.Path, "{customerId}") {
			continue
		}
		for _, id := range []string{admintest.ID(theirs.ID), "999999999", "0" + admintest.ID(theirs.ID), "x", "", "1e8"} {
			_, err := w.do(w.As(authstore.RoleOwner), act.Name, admintest.Free, params{"customerId": id}, "")
			if !errors.Is(err, admin.ErrNotFound) {
				t.Errorf("%s of %q: %v, want ErrNotFound", act.Name, id, err)
			}
		}
	}
	if after, err := w.Store.Customer(context.Background(), theirs.ID); err != nil || after != before {
		t.Errorf("%+v, %v", after, err)
	}
	if len(w.log(t, admintest.Free)) > 0 {
		t.Error("the log tells of what was not there")
	}
}

func TestActsTakeNothingButTheirOwnInput(t *testing.T) {
	w := newWorld(t)
	for _, act := range admin.Acts() {
		for _, input := range []string{
			`{"isAdmin": true}`, `{"publisherId": 100000002}`, `{"revision": 1, "revision": 2}`, `[]`, `{`, `{} {}`, `null`, `"x"`, "{\"x\": \"\xff\"}", `{"Revision": 1}`,
			strings.Repeat(`{"fields":`, 20) + "1" + strings.Repeat("}", 20),
		} {
			_, err := w.do(w.As(authstore.RoleOwner), act.Name, admintest.Free, nil, input)
			var invalid *admin.InvalidError
			if !errors.As(err, &invalid) {
				t.Errorf("%s with %q: %v, want an InvalidError", act.Name, input, err)
			}
		}
	}
	if got := w.log(t, admintest.Free); len(got) > 0 {
		t.Errorf("the log tells of %+v", got)
	}
}

func TestNamesOfActsAndPathsAreTheirOwn(t *testing.T) {
	names, paths := map[string]int{}, map[string]int{}
	for _, act := range admin.Acts() {
		names[act.Name]++
		paths[act.Method+" "+act.Path]++
		if act.Summary == "" || act.Method != "GET" && act.Method != "POST" {
			t.Errorf("%+v", act)
		}
	}
	for _, list := range []map[string]int{names, paths} {
		for name, n := range maps.All(list) {
			if n > 1 {
				t.Errorf("%s is there %d times", name, n)
			}
		}
	}
}

func TestBadDaysAreFaultsOfTheirField(t *testing.T) {
	w := newWorld(t)
	w.Customer(t, admintest.Free, "ann@example.com")
	today := w.Clock.Now().UTC().Format(time.DateOnly)
	tomorrow := w.Clock.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for input, want := range map[string]int{
		`{"registeredFrom":"` + today + `"}`: 1, `{"registeredTo":"` + today + `"}`: 1, `{"registeredFrom":"` + tomorrow + `"}`: 0, `{"registeredTo":""}`: 1,
	} {
		if got := get[admin.CustomerList](t, w, "customer.list", admintest.Free, nil, input); len(got.Customers) != want {
			t.Errorf("%s: %d customers, want %d", input, len(got.Customers), want)
		}
	}
	for _, input := range []string{`{"registeredFrom":"31.1.2026"}`, `{"registeredFrom":"2026-02-30"}`, `{"registeredFrom":"2026-01-31T00:00:00Z"}`} {
		var invalid *admin.InvalidError
		_, err := w.do(w.As(authstore.RoleOwner), "customer.list", admintest.Free, nil, input)
		if !errors.As(err, &invalid) || invalid.Field != "registeredFrom" {
			t.Errorf("%s: %v", input, err)
		}
	}
	if b, err := json.Marshal(admin.ListCustomers{RegisteredFrom: admin.Day{Time: w.Clock.Now()}}); err != nil || !strings.Contains(string(b), `"registeredFrom":"`+today+`"`) {
		t.Errorf("%s, %v", b, err)
	}
}
