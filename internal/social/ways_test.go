// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/social"
)

func TestPersonIsWhomIssuerSubjectAndPublisherSay(t *testing.T) {
	w := newWorld(t)
	ann := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	imposter := byGoogle("1", "bob@example.com")
	imposter.Issuer = "https://accounts.google.example" // under the same name
	seen := map[int64]bool{ann.Customer.ID: true}
	for name, e := range map[string]customer.Entry{
		"another issuer":    w.mustEnter(t, nova, imposter),
		"another provider":  w.mustEnter(t, nova, byFacebook("1", "cyd@example.com")),
		"another publisher": w.mustEnter(t, strict, byGoogle("1", "ann@example.com")),
		"another case":      w.mustEnter(t, nova, byGoogle("1A", "dan@example.com")),
		"the other case":    w.mustEnter(t, nova, byGoogle("1a", "eve@example.com")),
	} {
		if seen[e.Customer.ID] {
			t.Errorf("%s is somebody else", name)
		}
		seen[e.Customer.ID] = true
	}
}

func TestCustomerHasSeveralWaysAndHearsOfEach(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, nova, "ann@example.com").Customer
	for _, who := range []social.Person{byGoogle("1", "other@example.com"), byFacebook("2", ""), byGoogle("1", "")} {
		w.clock.Add(time.Minute)
		if err := w.Link(t.Context(), nova, c, who); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.ways(t, nova, c); got != "password ann@example.com, "+google+" 1, "+facebook+" 2" {
		t.Errorf("ways %s", got)
	}
	all := w.mailed(t)
	told := map[string]bool{} // several are sent at a time
	for _, m := range all {
		for _, name := range []string{"Google", "Facebook"} {
			told[name] = told[name] || m.To == "ann@example.com" && strings.Contains(m.Text, name)
		}
	}
	if len(all) != 2 || !told["Google"] || !told["Facebook"] {
		t.Errorf("mailed %+v", all)
	}
	if e := w.mustEnter(t, nova, byFacebook("2", "")); e.Customer.ID != c.ID || e.Customer.Email != "ann@example.com" {
		t.Errorf("in as %+v", e.Customer)
	}
	list, err := w.Ways(t.Context(), nova, c)
	if err != nil || list[0].Provider != nil || list[1].Provider.Name != "google" || list[1].Provider.Called() != "Google" {
		t.Errorf("ways %+v, %v", list, err)
	}
	for who, want := range map[string]error{"1": nil, "2": social.ErrOther} {
		if err := w.Owns(t.Context(), c, byGoogle(who, "")); !errors.Is(err, want) {
			t.Errorf("owns %s: %v, want %v", who, err, want)
		}
	}
}

func TestWayIsRemovedUnlessItIsTheLast(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	other := w.mustEnter(t, nova, byGoogle("1", ""))
	gone := social.Person{Issuer: "https://gone.example", Subject: "1"}
	for _, who := range []social.Person{byFacebook("2", ""), gone} {
		if err := w.Link(t.Context(), nova, e.Customer, who); err != nil {
			t.Fatal(err)
		}
	}
	w.mailed(t)
	unlink := func(issuer, subject string) error {
		return w.Unlink(t.Context(), nova, e.Customer, issuer, subject, e.Session.ID)
	}
	if err := unlink(google, "2"); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("one that is not theirs: %v", err)
	}
	if err := unlink(google, "1"); err != nil || !w.alive(e) || w.alive(other) {
		t.Errorf("one of several: %v", err)
	}
	if all := w.mailed(t); len(all) != 1 || !strings.Contains(all[0].Text, "Google") {
		t.Errorf("mailed %+v", all)
	}
	// One that is not configured any more lets nobody in.
	if got := w.ways(t, nova, e.Customer); got != facebook+" 2 last, "+gone.Issuer+" 1" && got != gone.Issuer+" 1, "+facebook+" 2 last" {
		t.Errorf("ways %s", got)
	}
	if err := unlink(facebook, "2"); !errors.Is(err, social.ErrLastWay) {
		t.Errorf("the last: %v", err)
	}
	if err := unlink(gone.Issuer, "1"); err != nil {
		t.Errorf("one that is none: %v", err)
	}
	if back, err := w.Enter(t.Context(), nova, byGoogle("1", "ann@example.com"), german, atHome); err != nil || back.Entry != nil {
		t.Errorf("who was removed is in: %+v, %v", back, err)
	}
}

func TestCustomerWithoutAPasswordGetsOneByMail(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	if _, err := w.customers.Register(t.Context(), nova, customer.Registration{Email: "ANN@example.com", Password: password}, atHome); !errors.Is(err, customer.ErrExists) {
		t.Errorf("registering with the address: %v", err)
	}
	if _, err := w.customers.Login(t.Context(), nova, "ann@example.com", "", atHome); !errors.Is(err, customer.ErrCredentials) {
		t.Errorf("without a password: %v", err)
	}
	w.mailed(t)
	if _, err := w.customers.RequestReset(t.Context(), nova, customer.ResetRequest{Email: "ann@example.com"}); err != nil {
		t.Fatal(err)
	}
	_, secret, _ := mailedTo(w.mailed(t), "ann@example.com")
	if _, err := w.customers.ResetPassword(t.Context(), nova, secret, password); err != nil {
		t.Fatal(err)
	}
	in, err := w.customers.Login(t.Context(), nova, "ann@example.com", password, atHome)
	if err != nil || in.Customer.ID != e.Customer.ID || w.ways(t, nova, e.Customer) != "password ann@example.com, "+google+" 1" {
		t.Errorf("%+v, %v", in.Customer, err)
	}
}

// The other way round: who registered with somebody's address by an account elsewhere
// has no way in once the owner of the mail has chosen a password.
func TestOwnerOfAnAddressThatNobodyVerifiedHasTheAccountAloneAfterAReset(t *testing.T) {
	w := newWorld(t)
	attacker := w.mustEnter(t, nova, byFacebook("attacker", "victim@example.com"))
	if _, err := w.customers.RequestReset(t.Context(), nova, customer.ResetRequest{Email: "victim@example.com"}); err != nil {
		t.Fatal(err)
	}
	_, secret, _ := mailedTo(w.mailed(t), "victim@example.com")
	if _, err := w.customers.ResetPassword(t.Context(), nova, secret, password); err != nil {
		t.Fatal(err)
	}
	if got := w.ways(t, nova, attacker.Customer); got != "password victim@example.com last" || w.alive(attacker) {
		t.Errorf("ways %s", got)
	}
}

func TestCustomerWithoutAPasswordMovesToAnotherAddress(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, patient, byGoogle("1", "ann@example.com"))
	if _, err := w.customers.ChangeEmail(t.Context(), e.Customer, "new@example.com", "", "192.0.2.7"); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("by no password: %v", err)
	}
	c, err := w.customers.MoveEmail(t.Context(), e.Customer, "new@example.com")
	if err != nil || c.Email != "new@example.com" || !c.EmailVerified.IsZero() {
		t.Fatalf("%+v, %v", c, err)
	}
	if back := w.mustEnter(t, patient, byGoogle("1", "ann@example.com")); back.Customer.ID != c.ID || back.Customer.Email != "new@example.com" {
		t.Errorf("in as %+v", back.Customer)
	}
	if next := w.mustEnter(t, patient, byGoogle("2", "ann@example.com")); next.Customer.ID == c.ID {
		t.Error("the address that was left is theirs still")
	}
	all := w.mailed(t)
	if _, secret, _ := mailedTo(all, "new@example.com"); secret == "" {
		t.Errorf("mailed %+v, want one that verifies the new address", all)
	}
}

func TestProofIsFreshForTenMinutes(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	w.clock.Add(social.Fresh - time.Second)
	if !w.IsFresh(e.Session) {
		t.Error("not fresh within the time")
	}
	w.clock.Add(time.Second)
	if w.IsFresh(e.Session) {
		t.Error("fresh after the time")
	}
}

func TestOnlyThePublishersOwnProviderSaysWhichCustomerSomebodyIs(t *testing.T) {
	w := newWorld(t)
	e, err := w.customers.Register(t.Context(), nova, customer.Registration{Email: "ann@example.com", Password: password, Profile: authstore.Customer{ExternalID: "A-7"}}, atHome)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]string{"externalId": "A-7"}
	untrusted := byGoogle("1", "bob@example.com")
	untrusted.Mapped = claims
	if other := w.mustEnter(t, nova, untrusted).Customer; other.ID == e.Customer.ID || other.ExternalID != "" {
		t.Errorf("any provider decides: %+v", other)
	}
	renamed := social.Person{Provider: "club", Issuer: google, Subject: "2", Email: "cyd@example.com", Verified: true, Mapped: claims}
	if other := w.mustEnter(t, nova, renamed).Customer; other.ID == e.Customer.ID {
		t.Error("another issuer under its name decides")
	}
	member := social.Person{Provider: "club", Issuer: own, Subject: "3", Email: "ann@work.example", Mapped: claims}
	if got := w.mustEnter(t, nova, member).Customer; got.ID != e.Customer.ID || got.Email != "ann@example.com" {
		t.Errorf("in as %+v", got)
	}
	if got := w.ways(t, nova, e.Customer); got != "password ann@example.com, "+own+" 3" {
		t.Errorf("ways %s", got)
	}
	newcomer := social.Person{Provider: "club", Issuer: own, Subject: "4", Email: "new@example.com", Verified: true, Mapped: map[string]string{"externalId": "A-8"}}
	if got := w.mustEnter(t, nova, newcomer).Customer; got.ExternalID != "A-8" {
		t.Errorf("new: %+v", got)
	}
	if _, err := w.store.DisableCustomer(t.Context(), e.Customer.ID, 0); err != nil {
		t.Fatal(err)
	}
	member.Subject = "5"
	if _, err := w.Enter(t.Context(), nova, member, german, atHome); !errors.Is(err, social.ErrClosed) {
		t.Errorf("disabled: %v", err)
	}
}

func TestClaimsAnswerWhatIsAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		mapped map[string]string
		want   map[string]string
		asked  bool
	}{
		"nothing":         {nil, map[string]string{}, true},
		"everything":      {map[string]string{"birthDate": "1990-02-01", "custom_1": "North"}, map[string]string{"birthDate": "1990-02-01", "custom_1": "North"}, false},
		"a part":          {map[string]string{"custom_1": "South"}, map[string]string{"custom_1": "South"}, true},
		"no such answers": {map[string]string{"birthDate": "yesterday", "custom_1": "East", "city": "Graz", "email": "x@example.com"}, map[string]string{}, true},
	} {
		w := newWorld(t)
		who := byGoogle("1", "ann@example.com")
		who.Mapped = tt.mapped
		c := w.mustEnter(t, curious, who).Customer
		a, err := w.store.Capture(t.Context(), c.ID)
		if err != nil || len(a.Values) != len(tt.want) || a.Submitted.IsZero() != tt.asked || c.Email != "ann@example.com" {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		for key, value := range tt.want {
			if a.Values[key] != value {
				t.Errorf("%s: %s is %q", name, key, a.Values[key])
			}
		}
	}
	w := newWorld(t)
	odd := byGoogle("1", "ann@example.com")
	odd.FirstName, odd.LastName = strings.Repeat("x", 51), "a\nb"
	if c := w.mustEnter(t, nova, odd).Customer; c.FirstName != "" || c.LastName != "" {
		t.Errorf("names %+v", c)
	}
}

func TestAttemptIsAnsweredOnce(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		a, other := w.NewAttempt("google", nova.ID, "", social.Enter, ""), w.NewAttempt("google", nova.ID, "", social.Enter, "")
		errs := make([]error, 20)
		parallel(len(errs), func(i int) { errs[i] = w.Spend(t.Context(), a) })
		n := 0
		for _, err := range errs {
			if err == nil {
				n++
			} else if !errors.Is(err, social.ErrRefused) {
				t.Error(err)
			}
		}
		if err := w.Spend(t.Context(), other); n != 1 || err != nil {
			t.Errorf("%d answers of one, %v of another", n, err)
		}
	})
}

func TestRequiredConsentsAreAskedUntilTheyAreAccepted(t *testing.T) {
	w := newWorld(t)
	token, _ := w.mustWait(t, orbit, byGoogle("1", "ann@example.com"))
	declined := append(agreed[:0:0], agreed...)
	declined[0].State = authstore.Declined
	o, err := w.Complete(t.Context(), orbit, token, social.Completion{Answers: declined}, atHome)
	if err != nil || o.Entry != nil || asked(w.mustJoining(t, orbit, token)) != "terms news" {
		t.Errorf("declined: %+v, %v", o, err)
	}
	declined[0].Version = "1"
	if _, err := w.Complete(t.Context(), orbit, token, social.Completion{Answers: declined}, atHome); err == nil {
		t.Error("an old version is taken")
	}
	for _, email := range []string{"nobody", "a@b.example,c@d.example"} {
		if _, err := w.Complete(t.Context(), orbit, token, social.Completion{Email: email, Answers: agreed}, atHome); !errors.Is(err, customer.ErrEmail) {
			t.Errorf("%s: %v", email, err)
		}
	}
	if o, err := w.Complete(t.Context(), orbit, token, social.Completion{Answers: agreed}, atHome); err != nil || o.Entry == nil || o.Entry.Customer.EmailVerified.IsZero() {
		t.Errorf("accepted: %+v, %v", o, err)
	}
}

func TestJoiningIsLimitedByNetwork(t *testing.T) {
	w := newWorld(t)
	token, _ := w.mustWait(t, orbit, byFacebook("1", ""))
	var limit *customer.LimitError
	var err error
	for range 201 {
		if _, err = w.Complete(t.Context(), orbit, token, social.Completion{Email: "ann@example.com"}, atHome); errors.As(err, &limit) {
			break
		}
	}
	if !errors.As(err, &limit) {
		t.Errorf("completed without an end: %v", err)
	}
	if _, err := w.Enter(t.Context(), nova, byGoogle("2", "bob@example.com"), german, atHome); !errors.As(err, &limit) {
		t.Errorf("a new customer: %v", err)
	}
}

func TestNewDeviceOfAKnownCustomerIsTold(t *testing.T) {
	w := newWorld(t)
	e := w.mustEnter(t, nova, byGoogle("1", "ann@example.com"))
	from := atHome
	from.Known = e.Known
	for name, tt := range map[string]struct {
		change func(*customer.Arrival)
		mails  int
	}{
		"the same browser":   {func(*customer.Arrival) {}, 0},
		"the same elsewhere": {func(a *customer.Arrival) { a.Known, a.Device.IP = e.Known, "198.51.100.1" }, 0},
		"another":            {func(a *customer.Arrival) { a.Known, a.Device.IP, a.Device.UserAgent = "", "198.51.100.1", "x" }, 1},
	} {
		a := from
		tt.change(&a)
		if o, err := w.Enter(t.Context(), nova, byGoogle("1", ""), german, a); err != nil || o.Entry == nil {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
		if all := w.mailed(t); len(all) != tt.mails {
			t.Errorf("%s: mailed %+v", name, all)
		}
	}
}
