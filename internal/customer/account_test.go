// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package customer_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
)

const other = "wz3k pnvq hjd"

func (w *world) mustLogin(t *testing.T, p authstore.Publisher, email string) customer.Entry {
	t.Helper()
	e, err := w.Login(t.Context(), p, email, password, atHome)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestNewPasswordEndsAllSessionsButThisOneAndIsTold(t *testing.T) {
	w := newWorld(t)
	first, bob := w.mustRegister(t, address), w.mustRegister(t, "bob@example.com")
	here := w.mustLogin(t, nova, address)
	w.mailed(t)
	if err := w.ChangePassword(t.Context(), nova, here.Customer, password, other, here.Session.ID, "192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	if !w.sessions.Ended(first.Session.ID) || w.sessions.Ended(here.Session.ID) || w.sessions.Ended(bob.Session.ID) {
		t.Error("the wrong sessions have ended")
	}
	if err := w.login(t, address, password); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("the old password: %v", err)
	}
	if err := w.login(t, address, other); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if m := w.mustMail(t); m.To != address {
		t.Errorf("mailed to %s", m.To)
	}
}

func TestRefusedNewPasswordChangesNothing(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	e := w.mustRegister(t, address)
	w.mailed(t)
	before := w.records()
	for _, tt := range []struct {
		name, old, password string
		broken              func()
		want                error
	}{
		{"old one is wrong", wrong, other, nil, customer.ErrConfirmation},
		{"no old one", "", other, nil, customer.ErrConfirmation},
		{"short", password, "kq7v", nil, customer.ErrPasswordShort},
		{"address", password, "ann.smith123", nil, customer.ErrPasswordCommon},
		{"store fails", password, other, func() { w.faulty.FailCommit(fault) }, fault},
	} {
		if tt.broken != nil {
			tt.broken()
		}
		err := w.ChangePassword(t.Context(), nova, e.Customer, tt.old, tt.password, e.Session.ID, "192.0.2.7")
		if !errors.Is(err, tt.want) || w.records() != before || w.sessions.Ended(e.Session.ID) {
			t.Errorf("%s: %v, want %v and nothing changed", tt.name, err, tt.want)
		}
	}
}

// Two tabs change it at the same time: the second one's word is about a password
// that is not the old one any more.
func TestOvertakenNewPasswordIsRefused(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	w.between.do = func() {
		if err := w.ChangePassword(t.Context(), nova, e.Customer, password, other, e.Session.ID, "192.0.2.7"); err != nil {
			t.Error(err)
		}
	}
	err := w.ChangePassword(t.Context(), nova, e.Customer, password, other+"2", e.Session.ID, "192.0.2.7")
	if !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("error %v, want ErrConfirmation", err)
	}
	if err := w.login(t, address, other); err != nil {
		t.Errorf("the password that came first: %v", err)
	}
}

func TestProofIsThePasswordAndItsTriesAreLimited(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	if err := w.Proved(t.Context(), e.Customer, password, "192.0.2.7"); err != nil {
		t.Errorf("right: %v", err)
	}
	var limit *customer.LimitError
	for range 10 {
		if err := w.Proved(t.Context(), e.Customer, wrong, "192.0.2.7"); !errors.Is(err, customer.ErrConfirmation) {
			t.Fatalf("wrong: %v", err)
		}
	}
	if err := w.Proved(t.Context(), e.Customer, password, "192.0.2.7"); !errors.As(err, &limit) {
		t.Errorf("after ten wrong ones: %v, want a LimitError", err)
	}
}

func TestWhoCameByThePublishersServerHasNoPassword(t *testing.T) {
	w := newWorld(t)
	with := w.mustRegister(t, address)
	without, err := w.Trusted(t.Context(), nova, "bob@example.com", authstore.Customer{}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[authstore.Customer]bool{with.Customer: true, without.Customer: false} {
		if has, err := w.HasPassword(t.Context(), c); err != nil || has != want {
			t.Errorf("%s: %v, %v, want %v", c.Email, has, err, want)
		}
	}
	if err := w.Proved(t.Context(), without.Customer, "", "192.0.2.7"); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("an empty password proves %v", err)
	}
	gone := with.Customer
	gone.Email = "moved@example.com"
	if has, err := w.HasPassword(t.Context(), gone); err != nil || has {
		t.Errorf("an address that is nobody's: %v, %v", has, err)
	}
}

func TestSessionsOfOthersAreNotEnded(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mustRegister(t, address), w.mustRegister(t, "bob@example.com")
	for _, id := range []string{bob.Session.ID, "nonsense", ""} {
		if err := w.EndSession(t.Context(), ann.Customer.ID, id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	if w.sessions.Ended(bob.Session.ID) {
		t.Error("somebody else's session has ended")
	}
	if err := w.EndSession(t.Context(), bob.Customer.ID, bob.Session.ID); err != nil || !w.sessions.Ended(bob.Session.ID) {
		t.Errorf("their own: %v", err)
	}
}

func TestExportHasEverythingAndNoSecret(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, address)
	w.mustRegister(t, "bob@example.com")
	w.clock.Add(time.Hour)
	e := w.mustLogin(t, nova, address)
	_, err := w.store.JudgeSession(t.Context(), e.Session.ID, time.Minute, func(s *authstore.Session) (authstore.Verdict, error) {
		s.Sites = map[string]authstore.SiteSession{"https://b.example": {Digest: "digest"}, "https://a.example": {Digest: "digest"}}
		return authstore.Save, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := w.Export(t.Context(), nova, e.Customer.ID)
	if err != nil {
		t.Fatal(err)
	}
	if x.Customer.Email != address || x.Publisher != "Nova" || !x.Made.Equal(w.clock.Now()) ||
		len(x.Identities) != 1 || x.Identities[0].Subject != strings.ToLower(address) || len(x.Consents) != 1 || len(x.Sessions) != 2 {
		t.Errorf("export %+v", x)
	}
	if !x.Sessions[0].Created.Before(x.Sessions[1].Created) || !slices.Equal(x.Sessions[1].Sites, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("sessions %+v", x.Sessions)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"argon2id", "digest", "bob@", e.Secrets.Hub, e.Session.HubDigest} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
	if err := w.Erase(t.Context(), e.Customer.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Export(t.Context(), nova, e.Customer.ID); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("of an erased customer: %v, want ErrNotFound", err)
	}
}

func TestExportSaysWhenTheStoreFails(t *testing.T) {
	w, fault := newWorld(t), errors.New("disk on fire")
	e := w.mustRegister(t, address)
	w.faulty.FailView(fault)
	if _, err := w.Export(t.Context(), nova, e.Customer.ID); !errors.Is(err, fault) {
		t.Errorf("error %v", err)
	}
}

func TestProfileIsStored(t *testing.T) {
	w := newWorld(t)
	e, err := w.Register(t.Context(), nova, customer.Registration{
		Email: address, Password: password, Answers: agreed,
		Profile: authstore.Customer{Country: "DE", Locale: "de_AT", ExternalID: "ext", FirstName: "A"},
	}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.ChangeProfile(t.Context(), e.Customer.ID, customer.Profile{FirstName: " Ann ", LastName: strings.Repeat("ł", 50), Country: "PL", Language: "pl"})
	if err != nil || c.FirstName != "Ann" || c.LastName != strings.Repeat("ł", 50) || c.Country != "PL" || c.Locale != "pl_AT" || c.Email != address || c.ExternalID != "ext" {
		t.Errorf("profile %+v, %v", c, err)
	}
	c, err = w.ChangeProfile(t.Context(), e.Customer.ID, customer.Profile{})
	if err != nil || c.FirstName != "" || c.LastName != "" || c.Country != "" || c.Locale != "pl_AT" {
		t.Errorf("empty profile %+v, %v", c, err)
	}
}

func TestProfileThatCannotBeIsRefusedWhole(t *testing.T) {
	w := newWorld(t)
	e := w.mustRegister(t, address)
	before := w.records()
	for _, tt := range []struct {
		profile customer.Profile
		want    []error
	}{
		{customer.Profile{FirstName: strings.Repeat("a", 51)}, []error{customer.ErrFirstName}},
		{customer.Profile{FirstName: "a\nb", LastName: "\xff"}, []error{customer.ErrFirstName, customer.ErrLastName}},
		{customer.Profile{FirstName: "Ann", LastName: "a\x00"}, []error{customer.ErrLastName}},
		{customer.Profile{FirstName: "Ann", Country: "XX"}, []error{customer.ErrCountry}},
		{customer.Profile{FirstName: "Ann", Country: "at"}, []error{customer.ErrCountry}},
	} {
		_, err := w.ChangeProfile(t.Context(), e.Customer.ID, tt.profile)
		for _, want := range []error{customer.ErrFirstName, customer.ErrLastName, customer.ErrCountry} {
			if errors.Is(err, want) != slices.Contains(tt.want, want) {
				t.Errorf("%+v: %v, want %v", tt.profile, err, tt.want)
			}
		}
	}
	if w.records() != before {
		t.Error("something is stored")
	}
}

func TestWithdrawingWhatIsRequiredEndsAllSessions(t *testing.T) {
	w := newWorld(t)
	first, bob := w.mustRegister(t, address), w.mustRegister(t, "bob@example.com")
	here := w.mustLogin(t, nova, address)
	answer := func(state authstore.ConsentState) (bool, error) {
		return w.AnswerConsents(t.Context(), nova, here.Customer.ID, []consent.Answer{{Name: "terms", Version: "2", State: state}}, "192.0.2.7")
	}
	if ended, err := answer(authstore.Accepted); err != nil || ended || w.sessions.Ended(here.Session.ID) {
		t.Errorf("accepted: %v, %v", ended, err)
	}
	if ended, err := answer(authstore.Declined); err != nil || !ended {
		t.Errorf("withdrawn: %v, %v", ended, err)
	}
	if !w.sessions.Ended(first.Session.ID) || !w.sessions.Ended(here.Session.ID) || w.sessions.Ended(bob.Session.ID) {
		t.Error("the wrong sessions have ended")
	}
	if ended, err := answer(authstore.Declined); err != nil || ended {
		t.Errorf("once more: %v, %v", ended, err)
	}
	if history, err := w.store.ConsentHistory(t.Context(), here.Customer.ID); err != nil || len(history) != 4 {
		t.Errorf("history %v, %v", history, err)
	}
	if _, err := w.AnswerConsents(t.Context(), nova, here.Customer.ID, []consent.Answer{{Name: "terms", Version: "1"}}, ""); !errors.Is(err, consent.ErrVersion) {
		t.Errorf("an old version: %v", err)
	}
}
