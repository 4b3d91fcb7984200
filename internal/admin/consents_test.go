// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

// asked returns the versions that customers of a publisher are asked for.
func (w *world) asked(t *testing.T, publisher int64) string {
	t.Helper()
	if err := w.Watcher.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	p, _ := w.Directory.ByID(publisher)
	var list []string
	for _, d := range p.Consents {
		list = append(list, d.Name+" "+d.Version)
	}
	return strings.Join(list, ", ")
}

// states returns the versions of a consent, newest first.
func (w *world) states(t *testing.T, name string) string {
	t.Helper()
	var list []string
	for _, v := range get[admin.ConsentDetail](t, w, "consent.get", admintest.Free, params{"name": name}, "").Versions {
		list = append(list, v.Version+" "+string(v.State))
	}
	return strings.Join(list, ", ")
}

func TestConsentGoesFromDraftToPast(t *testing.T) {
	w := newWorld(t)
	save := func(version string) {
		w.must(t, "consent.save", admintest.Free, nil, `{"name": "terms", "kind": "terms", "version": "`+version+`", "label": "I agree to version `+version+`.", "required": true}`)
	}
	publish := func(version, input string) {
		w.must(t, "consent.publish", admintest.Free, params{"name": "terms", "version": version}, input)
	}
	want := func(asked, states string) {
		t.Helper()
		if got := w.asked(t, admintest.Free); got != asked {
			t.Errorf("asked for %q, want %q", got, asked)
		}
		if got := w.states(t, "terms"); got != states {
			t.Errorf("versions %q, want %q", got, states)
		}
	}
	save("1")
	want("", "1 draft")
	publish("1", "{}")
	want("terms 1", "1 current")
	w.Clock.Add(time.Hour)
	save("2")
	publish("2", `{"begins": "`+w.Store.Now().Add(48*time.Hour).Format(time.RFC3339)+`"}`)
	want("terms 1", "2 scheduled, 1 current")
	w.Clock.Add(48 * time.Hour)
	want("terms 2", "2 current, 1 past")
	w.Clock.Add(time.Hour)
	save("3")
	w.must(t, "consent.drop", admintest.Free, params{"name": "terms", "version": "3"}, "")
	want("terms 2", "2 current, 1 past")
	w.must(t, "consent.retire", admintest.Free, params{"name": "terms"}, "")
	if got := w.asked(t, admintest.Free); got != "" {
		t.Errorf("asked for %q after the end", got)
	}
}

func TestNoOtherTextIsPublishedThanWasLookedAt(t *testing.T) {
	w := newWorld(t)
	save := func(label string) (written string) {
		w.must(t, "consent.save", admintest.Free, nil, `{"name": "terms", "kind": "terms", "version": "1", "label": "`+label+`"}`)
		return get[admin.ConsentDetail](t, w, "consent.get", admintest.Free, params{"name": "terms"}, "").Versions[0].Created.Format(time.RFC3339Nano)
	}
	publish := func(written string) error {
		_, err := w.do(w.As(authstore.RoleOwner), "consent.publish", admintest.Free, params{"name": "terms", "version": "1"}, `{"written": "`+written+`"}`)
		return err
	}
	seen := save("I agree.")
	w.Clock.Add(time.Millisecond)
	now := save("I agree to everything.")
	if err := publish(seen); !errors.Is(err, admin.ErrChanged) || w.states(t, "terms") != "1 draft" {
		t.Errorf("what was looked at before: %v, versions %s", err, w.states(t, "terms"))
	}
	if err := publish(now); err != nil || w.states(t, "terms") != "1 current" {
		t.Errorf("as it is now: %v, versions %s", err, w.states(t, "terms"))
	}
}

func TestDraftsAreNotWithoutEnd(t *testing.T) {
	w := newWorld(t)
	save := func(version int) error {
		_, err := w.do(w.As(authstore.RoleEditor), "consent.save", admintest.Free, nil, fmt.Sprintf(`{"name": "terms", "kind": "terms", "version": "%d", "label": "I agree."}`, version))
		return err
	}
	for i := range 200 {
		if err := save(i); err != nil {
			t.Fatalf("draft %d: %v", i, err)
		}
	}
	var invalid *admin.InvalidError
	if err := save(200); !errors.As(err, &invalid) {
		t.Errorf("one more: %v, want an InvalidError", err)
	}
	if err := save(7); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

func TestPublishedTextNeverChanges(t *testing.T) {
	w := newWorld(t)
	w.must(t, "consent.save", admintest.Free, nil, draft)
	w.must(t, "consent.publish", admintest.Free, params{"name": "terms", "version": "1"}, "{}")
	p := params{"name": "terms", "version": "1"}
	for name, input := range map[string]string{"consent.save": strings.Replace(draft, "I agree.", "I agree to more.", 1), "consent.drop": "", "consent.publish": "{}", "consent.unpublish": ""} {
		var invalid *admin.InvalidError
		if _, err := w.do(w.As(authstore.RoleOwner), name, admintest.Free, p, input); !errors.As(err, &invalid) || invalid.Field != "version" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d := get[admin.ConsentDetail](t, w, "consent.get", admintest.Free, p, ""); d.Versions[0].Label != "I agree." {
		t.Errorf("%+v", d)
	}
}

func TestDeclaredConsentIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	p := params{"name": "declared", "version": "2"}
	for name, input := range map[string]string{
		"consent.save": strings.Replace(draft, `"terms", "kind"`, `"declared", "kind"`, 1), "consent.publish": "{}", "consent.drop": "", "consent.retire": "",
	} {
		if _, err := w.do(w.As(authstore.RoleOwner), name, admintest.Ours, p, input); !errors.Is(err, admin.ErrDeclared) {
			t.Errorf("%s: %v, want ErrDeclared", name, err)
		}
	}
	list := get[admin.ConsentList](t, w, "consent.list", admintest.Ours, nil, "").Consents
	if len(list) != 1 || !list[0].Declared || list[0].Name != "declared" || !list[0].Asked {
		t.Errorf("%+v", list)
	}
}

func TestDraftOfAConsentIsJudged(t *testing.T) {
	w := newWorld(t)
	for change, field := range map[string]string{
		`"name": "Terms"`: "name", `"kind": "other"`: "kind", `"version": "a/b"`: "version", `"version": ""`: "version", `"label": ""`: "label",
		`"label": "[a](javascript:alert(1))"`: "label", `"label": "` + strings.Repeat("x", 1001) + `"`: "label", `"value": "` + strings.Repeat("x", 6001) + `"`: "value",
		`"texts": [{"language": "xx", "label": "a"}]`: "texts.0.language", `"texts": [{"language": "de", "value": "a"}]`: "texts.0.label",
		`"texts": [{"language": "de", "label": "a"}, {"language": "de", "label": "b"}]`: "texts.1.language",
	} {
		var in map[string]any
		if err := json.Unmarshal([]byte(draft), &in); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte("{"+change+"}"), &in); err != nil {
			t.Fatal(err)
		}
		input, _ := json.Marshal(in)
		var invalid *admin.InvalidError
		if _, err := w.do(w.As(authstore.RoleEditor), "consent.save", admintest.Free, nil, string(input)); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%.60s: %v, want a fault of %s", change, err, field)
		}
	}
}

func TestNumbersOfAConsentAreThoseOfItsVersions(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		c := w.Customer(t, admintest.Ours, fmt.Sprintf("a%d@example.com", i))
		answers := [][2]string{{"1", "accepted"}, {"1", "accepted"}, {"1", "declined"}, {"0", "accepted"}, {"0", "declined"}, {}, {}}
		if a := answers[i]; a[0] != "" {
			if err := w.Store.AnswerConsents(context.Background(), c.ID, []authstore.ConsentRecord{{Name: "declared", Version: a[0], State: authstore.ConsentState(a[1])}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := get[admin.ConsentList](t, w, "consent.list", admintest.Ours, nil, "").Consents
	if want := (admin.Share{Accepted: 2, Declined: 1, Earlier: 2, Missing: 2}); list[0].Numbers != want {
		t.Errorf("%+v, want %+v", list[0].Numbers, want)
	}
	o := get[admin.Overview](t, w, "overview.get", admintest.Ours, nil, `{"days": 3}`)
	if len(o.Days) != 3 || o.Days[2].Registrations != 7 || o.Totals.Customers != 7 || o.Consents[0].Missing != 2 {
		t.Errorf("%+v", o)
	}
}

func TestExportedEvidenceVerifies(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		c := w.Customer(t, admintest.Ours, fmt.Sprintf("a%d@example.com", i))
		for _, state := range []authstore.ConsentState{authstore.Accepted, authstore.Declined} {
			if err := w.Store.AnswerConsents(context.Background(), c.ID, []authstore.ConsentRecord{{Name: "declared", Version: "1", State: state}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	d := get[admin.Download](t, w, "consent.exportEvidence", admintest.Ours, nil, "")
	if err := d.Write(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	var header admin.EvidenceHeader
	if err := json.Unmarshal([]byte(lines[0]), &header); err != nil || header.Publisher != "100000001" || !header.Made.Equal(w.Store.Now()) {
		t.Errorf("%+v, %v", header, err)
	}
	verify := func(lines ...string) error {
		_, err := admin.VerifyEvidence(strings.NewReader(strings.Join(lines, "")))
		return err
	}
	sum, err := admin.VerifyEvidence(&out)
	if err != nil || len(lines) != 8 || sum.Customers != 3 || sum.Records != 6 {
		t.Errorf("%d lines, %+v, %v", len(lines), sum, err)
	}
	for name, broken := range map[string][]string{
		"without its end": lines[:7], "without the last answer": append(lines[:6:6], lines[7]), "without a customer": append(lines[:5:5], lines[7]),
		"without a first answer": append(lines[:1:1], lines[2:]...), "twice": append(lines[:8:8], "\n"+lines[1]),
		"with another end": append(lines[:7:7], strings.Replace(lines[7], "\"records\":6", "\"records\":5", 1)),
	} {
		if err := verify(broken...); err == nil {
			t.Errorf("evidence %s verifies", name)
		}
	}
}

func TestExportThatBreaksOffIsLoggedAsFailed(t *testing.T) {
	w := newWorld(t)
	c := w.Customer(t, admintest.Free, "ann@example.com")
	for name, p := range map[string]params{"customer.export": {"customerId": admintest.ID(c.ID)}, "consent.exportEvidence": nil, "capture.export": nil} {
		w.Clock.Add(time.Second)
		d := w.must(t, name, admintest.Free, p, "").(admin.Download)
		if e := w.log(t, admintest.Free)[0]; e.Act != name || e.Error != "" {
			t.Errorf("%s: the log has %+v", name, e)
		}
		left := errors.New("the reader has left")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := d.Write(ctx, gone{left}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if e := w.log(t, admintest.Free)[0]; e.Act != name || e.Error != "the export broke off" {
			t.Errorf("%s: the log has %+v", name, e)
		}
	}
}

// gone is a reader who has left.
type gone struct{ err error }

func (g gone) Write([]byte) (int, error) { return 0, g.err }
