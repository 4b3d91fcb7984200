// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// mustSet changes the settings of a publisher from what they are now.
func (w *world) mustSet(t *testing.T, publisher int64, fn func(*authstore.Settings)) authstore.Settings {
	t.Helper()
	have, err := w.Settings(t.Context(), publisher)
	if err != nil {
		t.Fatal(err)
	}
	set, err := w.ChangeSettings(t.Context(), publisher, have.Revision, func(s *authstore.Settings) error {
		fn(s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (w *world) mustRevision(t *testing.T) int64 {
	t.Helper()
	n, err := w.SettingsRevision(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSettingsAreKeptPerPublisherAndCounted(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, nova(), orbit())
		if set, err := w.Settings(t.Context(), 100_000_001); err != nil || !reflect.DeepEqual(set, authstore.Settings{}) {
			t.Errorf("before the first change: %+v, %v", set, err)
		}
		want := authstore.Settings{
			Revision: 1, Name: "N", Offers: []string{"S100000001_DE"}, ResetURLs: []string{"https://app.example"},
			Capture: &authstore.Capture{Enabled: true}, Languages: []string{"de"}, TokenLife: time.Hour,
			Brand:       &authstore.Brand{Color: "0a5bd3", Links: []authstore.BrandLink{{Name: "privacy", URL: "https://nova.example"}}, Logo: "l"},
			Session:     authstore.SessionLimits{Idle: time.Hour},
			VerifyEmail: &authstore.VerifyEmail{On: true, Within: time.Hour}, TokenDigest: "digest", SendMail: true,
		}
		got := w.mustSet(t, 100_000_001, func(s *authstore.Settings) { *s = want; s.Revision = 99 })
		stored, err := w.Settings(t.Context(), 100_000_001)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(stored, want) || err != nil {
			t.Errorf("returned %+v, stored %+v, %v; want %+v", got, stored, err, want)
		}
		if set, _ := w.Settings(t.Context(), 100_000_002); set.Revision != 0 {
			t.Errorf("another publisher has %+v", set)
		}
	})
}

func TestTwoMembersWhoEditAtOnceLoseNothing(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		w.mustDeclare(t, nova())
		errs := parallel(8, func(int) error {
			_, err := w.ChangeSettings(t.Context(), 100_000_001, 0, func(s *authstore.Settings) error { s.Name += "x"; return nil })
			return err
		})
		set, err := w.Settings(t.Context(), 100_000_001)
		if count(errs, nil) != 1 || count(errs, authstore.ErrChanged) != 7 || err != nil || set.Name != "x" || set.Revision != 1 {
			t.Errorf("%v; stored %+v, %v", errs, set, err)
		}
	})
}

func TestRefusedSettingsChangeNothing(t *testing.T) {
	mine := errors.New("mine")
	tests := map[string]struct {
		publisher, from int64
		fn              func(*authstore.Settings) error
		want            error
	}{
		"unknown publisher":      {1, 0, func(*authstore.Settings) error { return nil }, authstore.ErrNotFound},
		"older revision":         {100_000_001, 0, func(*authstore.Settings) error { return nil }, authstore.ErrChanged},
		"revision to come":       {100_000_001, 2, func(*authstore.Settings) error { return nil }, authstore.ErrChanged},
		"own error":              {100_000_001, 1, func(s *authstore.Settings) error { s.Name = "II"; return mine }, mine},
		"declared offer":         {100_000_001, 1, func(s *authstore.Settings) error { s.Offers = []string{"S100000002_NL"}; return nil }, authstore.ErrTaken},
		"offer by settings":      {100_000_001, 1, func(s *authstore.Settings) error { s.Offers = []string{"S100000002_BE"}; return nil }, authstore.ErrTaken},
		"NUL":                    {100_000_001, 1, func(s *authstore.Settings) error { s.Name = "a\x00b"; return nil }, authstore.ErrUnstorable},
		"more than backends can": {100_000_001, 1, func(s *authstore.Settings) error { s.Name = strings.Repeat("a", 64<<10); return nil }, authstore.ErrUnstorable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.mustDeclare(t, nova(), orbit())
			w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Name = "I" })
			w.mustSet(t, 100_000_002, func(s *authstore.Settings) { s.Offers = []string{"S100000002_BE"} })
			before := w.records()
			if _, err := w.ChangeSettings(t.Context(), tt.publisher, tt.from, tt.fn); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if w.records() != before {
				t.Errorf("stored %s\nwant %s", w.records(), before)
			}
		})
	}
}

func TestOffersBySettingsBelongToTheirPublisherWhileItIsDeclared(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Offers = []string{"S100000001_DE", "S100000001_US"} })
	w.wantOwner(t, "S100000001_DE", 100_000_001)

	renamed := nova()
	renamed.Name, renamed.Offers = "Nova II", nil
	w.mustDeclare(t, renamed, orbit())
	w.wantOwner(t, "S100000001_DE", 100_000_001)
	w.wantOwner(t, "S100000001_US", 100_000_001) // declared no longer, and still set

	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Offers = []string{"S100000001_DE"} })
	w.wantOwner(t, "S100000001_US", 0)

	w.mustDeclare(t, orbit())
	w.wantOwner(t, "S100000001_DE", 0)
	w.mustSet(t, 100_000_002, func(s *authstore.Settings) { s.Offers = []string{"S100000001_DE"} })
	if err := w.DeclarePublishers(t.Context(), []authstore.Publisher{nova(), orbit()}); !errors.Is(err, authstore.ErrTaken) {
		t.Errorf("declared back: %v, want ErrTaken", err)
	}
	w.mustSet(t, 100_000_002, func(s *authstore.Settings) { s.Offers = nil })
	w.mustDeclare(t, nova(), orbit())
	w.wantOwner(t, "S100000001_DE", 100_000_001)

	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Offers = nil })
	w.wantOwner(t, "S100000001_US", 100_000_001) // declared
}

func TestLimitsBySettingsEndSessionsAndDeclaredOnesWin(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova())
	w.mustStart(t, w.mustRegister(t, "ann@example.com"), "s1")
	w.clock.Add(2 * time.Hour)
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Session.Idle = 3 * time.Hour })
	w.wantSession(t, "s1", true)

	other := authstore.New(w.Backend(), w.Now) // as of another node
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Session.Idle = time.Hour })
	w.wantSession(t, "s1", false)
	if _, err := other.Session(t.Context(), "s1"); err != nil {
		t.Errorf("a node that has not looked: %v", err)
	}
	if _, err := other.Managed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Session(t.Context(), "s1"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("a node that has looked: %v, want ErrNotFound", err)
	}

	w.mustDeclare(t, limited(5*time.Hour, 0))
	w.mustStart(t, w.mustRegister(t, "bob@example.com"), "s2")
	w.clock.Add(4 * time.Hour)
	w.wantSession(t, "s2", true)
	w.wantSession(t, "s1", false)
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Session.Idle = time.Minute })
	w.wantSession(t, "s2", true)
}

func TestRevisionChangesWithEverySetting(t *testing.T) {
	w := newWorld(t)
	w.mustDeclare(t, nova(), orbit())
	seen := []int64{w.mustRevision(t)}
	next := func(what string) {
		t.Helper()
		if n := w.mustRevision(t); slices.Contains(seen, n) {
			t.Errorf("after %s it is %d, as before", what, n)
		} else {
			seen = append(seen, n)
		}
	}
	w.mustSet(t, 100_000_001, func(s *authstore.Settings) { s.Name = "N" })
	next("a change")
	w.mustSet(t, 100_000_002, func(s *authstore.Settings) { s.Name = "O" })
	next("a change of another publisher's")
	w.mustDraft(t, "custom", "1")
	w.mustPublish(t, "custom", "1", time.Time{})
	next("publishing")
	w.mustDraft(t, "custom", "2")
	w.mustPublish(t, "custom", "2", w.Now().Add(time.Hour))
	next("publishing for later")
	if err := w.Unpublish(t.Context(), 100_000_001, "custom", "2"); err != nil {
		t.Fatal(err)
	}
	next("withdrawing")
	if err := w.RetireConsent(t.Context(), 100_000_001, "custom"); err != nil {
		t.Fatal(err)
	}
	next("retiring")
	before := w.mustRevision(t)
	w.mustDraft(t, "custom", "3")
	if n := w.mustRevision(t); n != before {
		t.Errorf("a draft changed it from %d to %d", before, n)
	}
}

func TestPicturesAreKeptPerPublisher(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		largest := bytes.Repeat([]byte{0xff, 0}, authstore.MaxPicture/2)
		id, err := w.PutPicture(t.Context(), 100_000_001, largest)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := w.PutPicture(t.Context(), 100_000_001, largest); err != nil || again != id {
			t.Errorf("the same picture is %s, then %s, %v", id, again, err)
		}
		if got, err := w.Picture(t.Context(), 100_000_001, id); err != nil || !bytes.Equal(got, largest) {
			t.Errorf("read %d bytes, %v", len(got), err)
		}
		if _, err := w.Picture(t.Context(), 100_000_002, id); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("at another publisher: %v, want ErrNotFound", err)
		}
		for _, bad := range [][]byte{nil, append(largest, 1)} {
			if _, err := w.PutPicture(t.Context(), 100_000_001, bad); !errors.Is(err, authstore.ErrUnstorable) {
				t.Errorf("%d bytes: %v, want ErrUnstorable", len(bad), err)
			}
		}
	})
}
