// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// version is a version of a consent as somebody writes it.
func version(number string) authstore.ConsentVersion {
	return authstore.ConsentVersion{Version: number, Label: "Text " + number, By: "ann", Required: true}
}

// mustDraft saves a draft of a managed consent of nova's.
func (w *world) mustDraft(t *testing.T, name, number string) {
	t.Helper()
	of := authstore.ManagedConsent{Name: name, Kind: "custom"}
	if err := w.SaveDraft(t.Context(), 100_000_001, of, version(number)); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustPublish(t *testing.T, name, number string, begins time.Time) {
	t.Helper()
	if err := w.PublishVersion(t.Context(), 100_000_001, name, number, begins, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// wantAsked tells what nova's customers are asked for now.
func (w *world) wantAsked(t *testing.T, want string) {
	t.Helper()
	p, err := w.Publisher(t.Context(), 100_000_001)
	var got []string
	for _, d := range p.Consents {
		got = append(got, d.Name+" "+d.Version)
	}
	if err != nil || strings.Join(got, ", ") != want {
		t.Errorf("asked for %q, %v; want %q", got, err, want)
	}
}

func TestVersionIsAskedForFromTheMomentThatItBegins(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, nova())
		w.mustDraft(t, "news", "1")
		w.wantAsked(t, "terms 1")
		w.mustPublish(t, "news", "1", time.Time{})
		w.wantAsked(t, "terms 1, news 1")
		w.mustDraft(t, "news", "2")
		if err := w.PublishVersion(t.Context(), 100_000_001, "news", "2", w.Now().Add(time.Hour), w.Now().Add(day)); err != nil {
			t.Fatal(err)
		}
		w.mustDraft(t, "ads", "1")
		w.mustPublish(t, "ads", "1", w.Now().Add(-time.Hour))
		w.wantAsked(t, "terms 1, news 1, ads 1")
		w.clock.Add(time.Hour - time.Millisecond)
		w.wantAsked(t, "terms 1, news 1, ads 1")
		w.clock.Add(time.Millisecond)
		w.wantAsked(t, "terms 1, news 2, ads 1")
		p, _ := w.Publisher(t.Context(), 100_000_001)
		want := authstore.ConsentDefinition{Name: "news", Version: "2", Label: "Text 2", Required: true, TransitionUntil: w.Now().Add(23 * time.Hour)}
		if !reflect.DeepEqual(p.Consents[1], want) {
			t.Errorf("in force %+v, want %+v", p.Consents[1], want)
		}
	})
}

func TestVersionsPublishedInOneMomentFollowEachOther(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	for _, number := range []string{"b", "c", "a"} {
		w.mustDraft(t, "news", number)
		w.mustPublish(t, "news", number, time.Time{})
		w.wantAsked(t, "terms 1, news "+number)
	}
}

func TestVersionsAreListedNewestFirst(t *testing.T) {
	w := newWorld(t)
	declared := nova()
	w.mustDeclare(t, declared)
	w.clock.Add(time.Hour)
	declared.Consents = nil // terms are managed from now on
	w.mustDeclare(t, declared)
	for _, number := range []string{"2", "3", "4"} {
		w.clock.Add(time.Hour)
		w.mustDraft(t, "terms", number)
	}
	w.mustPublish(t, "terms", "2", time.Time{})
	w.mustPublish(t, "terms", "3", w.Now().Add(time.Hour))
	list, err := w.ConsentVersions(t.Context(), 100_000_001, "terms")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range list {
		got = append(got, fmt.Sprintf("%s %s declared=%t draft=%t", v.Version, v.Label, v.Declared, v.Published.IsZero() && !v.Declared))
	}
	want := "4 Text 4 declared=false draft=true, 3 Text 3 declared=false draft=false, 2 Text 2 declared=false draft=false, 1 I agree declared=true draft=false"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, ", "), want)
	}
	if list, err := w.ConsentVersions(t.Context(), 100_000_002, "terms"); err != nil || len(list) != 0 {
		t.Errorf("of another publisher: %v, %v", list, err)
	}
}

func TestManagedConsentsAreListedInTheirOrder(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	for _, name := range []string{"a", "b", "c"} {
		w.mustDraft(t, name, "1")
	}
	w.mustPublish(t, "c", "1", time.Time{})
	w.mustPublish(t, "b", "1", time.Time{})
	want := func(want ...authstore.ManagedConsent) {
		t.Helper()
		if got, err := w.ManagedConsents(t.Context(), 100_000_001); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	asked := func(name string) authstore.ManagedConsent {
		return authstore.ManagedConsent{Name: name, Kind: "custom", Asked: true}
	}
	want(asked("c"), asked("b"), authstore.ManagedConsent{Name: "a", Kind: "custom"})
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Consents = []string{"b", "c"} })
	want(asked("b"), asked("c"), authstore.ManagedConsent{Name: "a", Kind: "custom"})
	w.wantAsked(t, "terms 1, b 1, c 1")
	if err := w.DropDraft(t.Context(), 100_000_001, "a", "1"); err != nil {
		t.Fatal(err)
	}
	want(asked("b"), asked("c"))
}

func TestPublishedTextIsFixed(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustDraft(t, "news", "1")
	w.mustPublish(t, "news", "1", time.Time{})
	of := authstore.ManagedConsent{Name: "news"}
	ctx := t.Context()
	for name, err := range map[string]error{
		"saved":     w.SaveDraft(ctx, 100_000_001, of, version("1")),
		"dropped":   w.DropDraft(ctx, 100_000_001, "news", "1"),
		"published": w.PublishVersion(ctx, 100_000_001, "news", "1", time.Time{}, time.Time{}),
		"withdrawn": w.Unpublish(ctx, 100_000_001, "news", "1"),
	} {
		if !errors.Is(err, authstore.ErrPublished) {
			t.Errorf("%s: %v, want ErrPublished", name, err)
		}
	}
	text, err := w.ConsentTexts(ctx, 100_000_001, "news", "1")
	if err != nil || text.Label != "Text 1" {
		t.Errorf("kept %+v, %v", text, err)
	}
}

func TestConfigurationCannotDeclareAnotherTextThanWasPublished(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustDraft(t, "news", "1")
	w.mustPublish(t, "news", "1", time.Time{})
	p := nova()
	p.Consents = append(p.Consents, authstore.ConsentDefinition{Name: "news", Version: "1", Label: "Another text"})
	for name, err := range map[string]error{
		"checking":  w.CheckDeclaration(t.Context(), []authstore.Publisher{p}),
		"declaring": w.DeclarePublishers(t.Context(), []authstore.Publisher{p}),
	} {
		if !errors.Is(err, authstore.ErrTextChanged) || !strings.Contains(err.Error(), "consent news version 1 of publisher 100000001") ||
			!strings.Contains(err.Error(), "give it a new version") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Consents[1].Label = "Text 1"
	w.mustDeclare(t, p)
	w.wantAsked(t, "terms 1, news 1")
}

func TestDraftCannotTakeTheVersionOfAnotherText(t *testing.T) {
	w := newWorld(t)
	p := nova()
	w.mustDeclare(t, p)
	p.Consents = nil
	w.mustDeclare(t, p)
	w.mustDraft(t, "terms", "1")
	if err := w.PublishVersion(t.Context(), 100_000_001, "terms", "1", time.Time{}, time.Time{}); !errors.Is(err, authstore.ErrTextChanged) {
		t.Errorf("%v, want ErrTextChanged", err)
	}
	w.wantAsked(t, "")
}

func TestDeclaredConsentsAreNotManaged(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	before := w.records()
	ctx := t.Context()
	for name, err := range map[string]error{
		"saved":     w.SaveDraft(ctx, 100_000_001, authstore.ManagedConsent{Name: "terms"}, version("2")),
		"dropped":   w.DropDraft(ctx, 100_000_001, "terms", "2"),
		"published": w.PublishVersion(ctx, 100_000_001, "terms", "2", time.Time{}, time.Time{}),
		"withdrawn": w.Unpublish(ctx, 100_000_001, "terms", "2"),
	} {
		if !errors.Is(err, authstore.ErrDeclared) {
			t.Errorf("%s: %v, want ErrDeclared", name, err)
		}
	}
	if w.records() != before {
		t.Error("something was stored")
	}
}

func TestVersionsNeedPublisherDraftAndName(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	save := func(publisher int64, name, number string) error {
		return w.SaveDraft(t.Context(), publisher, authstore.ManagedConsent{Name: name}, version(number))
	}
	for name, tt := range map[string]struct{ err, want error }{
		"publisher":         {save(1, "news", "1"), authstore.ErrNotFound},
		"no name":           {save(100_000_001, "", "1"), authstore.ErrUnstorable},
		"no version":        {save(100_000_001, "news", ""), authstore.ErrUnstorable},
		"NUL":               {save(100_000_001, "news", "1\x002"), authstore.ErrUnstorable},
		"long":              {save(100_000_001, strings.Repeat("n", 65), "1"), authstore.ErrUnstorable},
		"nothing to drop":   {w.DropDraft(t.Context(), 100_000_001, "news", "1"), authstore.ErrNotFound},
		"nothing published": {w.Unpublish(t.Context(), 100_000_001, "news", "1"), authstore.ErrNotFound},
		"nothing to publish": {w.PublishVersion(t.Context(), 100_000_001, "news", "1", time.Time{}, time.Time{}),
			authstore.ErrNotFound},
		"nothing to retire": {w.RetireConsent(t.Context(), 100_000_001, "news"), authstore.ErrNotFound},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
}

func TestNoVersionBeginsBeforeOneThatIsPublished(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	for _, number := range []string{"1", "2", "3"} {
		w.mustDraft(t, "news", number)
	}
	w.mustPublish(t, "news", "1", w.Now().Add(2*time.Hour))
	for _, begins := range []time.Time{{}, w.Now().Add(time.Hour)} {
		if err := w.PublishVersion(t.Context(), 100_000_001, "news", "2", begins, time.Time{}); !errors.Is(err, authstore.ErrVersionOrder) {
			t.Errorf("%v: %v, want ErrVersionOrder", begins, err)
		}
	}
	w.mustPublish(t, "news", "2", w.Now().Add(3*time.Hour))
	if err := w.Unpublish(t.Context(), 100_000_001, "news", "1"); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(2 * time.Hour)
	w.wantAsked(t, "terms 1")
	w.clock.Add(time.Hour)
	w.wantAsked(t, "terms 1, news 2")
}

func TestWithdrawnVersionMayBeWrittenAnew(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustDraft(t, "news", "1")
	w.mustPublish(t, "news", "1", w.Now().Add(time.Hour))
	if err := w.Unpublish(t.Context(), 100_000_001, "news", "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ConsentText(t.Context(), 100_000_001, "news", "1"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("the text that nobody was asked for: %v, want ErrNotFound", err)
	}
	anew := version("1")
	anew.Label = "Another text"
	if err := w.SaveDraft(t.Context(), 100_000_001, authstore.ManagedConsent{Name: "news"}, anew); err != nil {
		t.Fatal(err)
	}
	w.mustPublish(t, "news", "1", time.Time{})
	w.wantAsked(t, "terms 1, news 1")
}

// A text that the configuration has declared is one that customers were asked for,
// also when the dashboard meant to publish it later.
func TestWithdrawingKeepsTheTextThatTheConfigurationDeclared(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustDraft(t, "news", "1")
	w.mustPublish(t, "news", "1", w.Now().Add(time.Hour))
	p := nova()
	p.Consents = append(p.Consents, authstore.ConsentDefinition{Name: "news", Version: "1", Label: "Text 1"})
	w.mustDeclare(t, p)
	w.mustDeclare(t, nova())
	if err := w.Unpublish(t.Context(), 100_000_001, "news", "1"); err != nil {
		t.Fatal(err)
	}
	if text, err := w.ConsentText(t.Context(), 100_000_001, "news", "1"); err != nil || text.Label != "Text 1" {
		t.Errorf("kept %+v, %v", text, err)
	}
}

func TestRetiredConsentIsNotAskedForAndKeepsItsVersions(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustDraft(t, "news", "1")
	w.mustPublish(t, "news", "1", time.Time{})
	if err := w.RetireConsent(t.Context(), 100_000_001, "news"); err != nil {
		t.Fatal(err)
	}
	w.wantAsked(t, "terms 1")
	if list, err := w.ConsentVersions(t.Context(), 100_000_001, "news"); err != nil || len(list) != 1 {
		t.Errorf("versions %v, %v", list, err)
	}
	w.mustDraft(t, "news", "2")
	w.mustPublish(t, "news", "2", time.Time{})
	w.wantAsked(t, "terms 1, news 2")
}

func TestPublisherHasSoManyConsentsAtMost(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	for i := range authstore.MaxConsents {
		name := fmt.Sprintf("c%d", i)
		w.mustDraft(t, name, "1")
		err := w.PublishVersion(context.Background(), 100_000_001, name, "1", time.Time{}, time.Time{})
		if last := i == authstore.MaxConsents-1; last != errors.Is(err, authstore.ErrTooMany) || !last && err != nil {
			t.Fatalf("managed consent %d: %v", i, err)
		}
	}
	p, err := w.Publisher(t.Context(), 100_000_001)
	if err != nil || len(p.Consents) != authstore.MaxConsents {
		t.Errorf("%d consents, %v", len(p.Consents), err)
	}
}
