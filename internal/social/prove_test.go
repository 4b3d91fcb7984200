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

func TestAccountIsLinkedByItsPassword(t *testing.T) {
	w := newWorld(t)
	before := w.mustRegister(t, nova, "ann@example.com")
	token, _ := w.mustWait(t, nova, byGoogle("1", "ANN@example.com"))
	if _, err := w.ProveByPassword(t.Context(), nova, token, "something else", atHome); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("wrong password: %v", err)
	}
	e, err := w.ProveByPassword(t.Context(), nova, token, password, atHome)
	if err != nil || e.Customer.ID != before.Customer.ID || e.Customer.EmailVerified.IsZero() || !w.alive(e) || !w.alive(before) {
		t.Fatalf("%+v, %v", e, err)
	}
	if got := w.ways(t, nova, e.Customer); got != "password ann@example.com, "+google+" 1" {
		t.Errorf("ways %s", got)
	}
	if all := w.mailed(t); len(all) != 1 || !strings.Contains(all[0].Text, "Google") || !strings.Contains(all[0].Text, "/account?publisher=100000001") {
		t.Errorf("mailed %+v", all)
	}
	if _, err := w.ProveByPassword(t.Context(), nova, token, password, atHome); !errors.Is(err, social.ErrJoin) {
		t.Errorf("the same token again: %v", err)
	}
	if again := w.mustEnter(t, nova, byGoogle("1", "")); again.Customer.ID != before.Customer.ID {
		t.Errorf("the second time they are %+v", again.Customer)
	}
}

func TestVerifiedAccountIsLinkedByACodeAndKeepsWhatItHas(t *testing.T) {
	w := newWorld(t)
	before := w.mustRegister(t, nova, "Ann@example.com")
	if _, err := w.store.MarkEmailVerified(t.Context(), before.Customer.ID, "Ann@example.com"); err != nil {
		t.Fatal(err)
	}
	token, _ := w.mustWait(t, nova, byFacebook("1", "ann@EXAMPLE.com"))
	code, to := w.mustCode(t, nova, token)
	if to != "Ann@example.com" || !w.mustJoining(t, nova, token).Sent {
		t.Errorf("mailed to %s", to)
	}
	if _, err := w.ProveByCode(t.Context(), nova, token, "ABCD-2345", atHome); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("wrong code: %v", err)
	}
	e, err := w.ProveByCode(t.Context(), nova, token, strings.ToLower(code), atHome)
	if err != nil || e.Customer.ID != before.Customer.ID || !w.alive(e) || !w.alive(before) {
		t.Fatalf("%+v, %v", e, err)
	}
	if got := w.ways(t, nova, e.Customer); got != "password ann@example.com, "+facebook+" 1" {
		t.Errorf("ways %s", got)
	}
}

// Whoever made the account may be anybody: whoever reads the mail gets it alone.
func TestAccountThatNobodyHadVerifiedIsStrippedForWhoReadsItsMail(t *testing.T) {
	for name, w := range map[string]*world{"memory": newWorld(t), "bolt": overBolt(t)} {
		attacker := w.mustRegister(t, nova, "attacker@example.com")
		// The account was moved to the victim's address, so the attacker's may have it back.
		if _, err := w.customers.MoveEmail(t.Context(), attacker.Customer, "victim@example.com"); err != nil {
			t.Fatal(err)
		}
		if err := w.Link(t.Context(), nova, attacker.Customer, byFacebook("attacker", "")); err != nil {
			t.Fatal(err)
		}
		_, undo, _ := mailedTo(w.mailed(t), "attacker@example.com")
		if undo == "" {
			t.Fatal("no link to undo the change")
		}
		token, _ := w.mustWait(t, nova, byGoogle("victim", "victim@example.com"))
		code, _ := w.mustCode(t, nova, token)
		e, err := w.ProveByCode(t.Context(), nova, token, code, atHome)
		if err != nil || e.Customer.ID != attacker.Customer.ID || e.Customer.EmailVerified.IsZero() || !w.alive(e) || w.alive(attacker) {
			t.Fatalf("%s: %+v, %v", name, e, err)
		}
		if got := w.ways(t, nova, e.Customer); got != google+" victim last" {
			t.Errorf("%s: ways %s", name, got)
		}
		if _, err := w.customers.Login(t.Context(), nova, "victim@example.com", password, atHome); !errors.Is(err, customer.ErrCredentials) {
			t.Errorf("%s: the old password: %v", name, err)
		}
		if _, _, err := w.customers.UndoEmailChange(t.Context(), nova, undo); !errors.Is(err, customer.ErrLink) {
			t.Errorf("%s: the way back: %v", name, err)
		}
		if other := w.mustEnter(t, nova, byFacebook("attacker", "attacker@example.com")); other.Customer.ID == e.Customer.ID {
			t.Errorf("%s: the attacker is in", name)
		}
	}
}

// An address that a provider only repeats opens nothing, and neither does one that it
// vouches for: the account's own proof is asked for.
func TestAddressAloneOpensNobodysAccount(t *testing.T) {
	w := newWorld(t)
	victim := w.mustRegister(t, nova, "victim@example.com")
	if _, err := w.store.MarkEmailVerified(t.Context(), victim.Customer.ID, "victim@example.com"); err != nil {
		t.Fatal(err)
	}
	for _, who := range []social.Person{byFacebook("attacker", "victim@example.com"), byGoogle("attacker", "victim@example.com")} {
		token, _ := w.mustWait(t, nova, who)
		for range 2 {
			o, err := w.Complete(t.Context(), nova, token, social.Completion{Email: "Victim@example.com"}, atHome)
			if err != nil || o.Entry != nil || o.Join != token {
				t.Errorf("%+v, %v", o, err)
			}
		}
		if got := w.ways(t, nova, victim.Customer); got != "password victim@example.com last" {
			t.Errorf("ways %s", got)
		}
	}
}

// What the provider vouches for is one address; another that was typed is not.
func TestTypedAddressIsNotVerifiedByTheProvidersWord(t *testing.T) {
	w := newWorld(t)
	token, j := w.mustWait(t, strict, byFacebook("1", ""))
	if asked(j) != "email" {
		t.Fatalf("asked for %s", asked(j))
	}
	o, err := w.Complete(t.Context(), strict, token, social.Completion{Email: "ann@example.com"}, atHome)
	if err != nil || o.Entry != nil || asked(w.mustJoining(t, strict, token)) != "proof" {
		t.Fatalf("%+v, %v", o, err)
	}
	google := byGoogle("1", "ann@example.com")
	w.mustRegister(t, nova, "ann@example.com")
	token, _ = w.mustWait(t, nova, google)
	o, err = w.Complete(t.Context(), nova, token, social.Completion{Email: "bob@example.com"}, atHome)
	if err != nil || o.Entry == nil || !o.Entry.Customer.EmailVerified.IsZero() {
		t.Errorf("typed: %+v, %v", o, err)
	}
}

// To somebody who does not read the mail, an address with an account and one without
// look alike; whoever reads it is in either way.
func TestNobodyLearnsWhoHasAnAccountWhereThatIsNotTold(t *testing.T) {
	w := newWorld(t)
	has := w.mustRegister(t, strict, "has@example.com")
	w.mailed(t)
	var seen []string
	for _, email := range []string{"has@example.com", "new@example.com"} {
		token, j := w.mustWait(t, strict, byFacebook(email, email))
		if w.mustJoining(t, strict, token).Sent {
			t.Error("sent before it was asked for")
		}
		_, wrong := w.ProveByPassword(t.Context(), strict, token, "not it at all", atHome)
		code, to := w.mustCode(t, strict, token)
		_, bad := w.ProveByCode(t.Context(), strict, token, "ABCD-2345", atHome)
		if to != email {
			t.Errorf("mailed to %s", to)
		}
		seen = append(seen, asked(j)+" "+wrong.Error()+" "+bad.Error())
		e, err := w.ProveByCode(t.Context(), strict, token, code, atHome)
		if err != nil || e.Customer.EmailVerified.IsZero() || (e.Customer.ID == has.Customer.ID) != (email == "has@example.com") || e.Customer.Locale == "" && email != "has@example.com" {
			t.Errorf("%s: %+v, %v", email, e, err)
		}
	}
	if seen[0] != seen[1] {
		t.Errorf("with an account: %s; without: %s", seen[0], seen[1])
	}
}

func TestCodeIsGoodForItsAddressItsTokenAndFiveTries(t *testing.T) {
	w := newWorld(t)
	token, _ := w.mustWait(t, strict, byFacebook("1", "mine@example.com"))
	code, _ := w.mustCode(t, strict, token)
	// A code for one address proves no other.
	if _, err := w.Complete(t.Context(), strict, token, social.Completion{Email: "victim@example.com"}, atHome); err != nil {
		t.Fatal(err)
	}
	if j := w.mustJoining(t, strict, token); j.Sent || j.Email != "victim@example.com" {
		t.Errorf("waits as %+v", j)
	}
	if _, err := w.ProveByCode(t.Context(), strict, token, code, atHome); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("for another address: %v", err)
	}
	other, _ := w.mustWait(t, strict, byFacebook("2", "mine@example.com"))
	if _, err := w.ProveByCode(t.Context(), strict, other, code, atHome); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("under another token: %v", err)
	}
	// A mail that was queued before does not bring a code for the new address.
	third, _ := w.mustWait(t, strict, byFacebook("3", "mine@example.com"))
	if err := w.SendCode(t.Context(), strict, third, "192.0.2.7"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Complete(t.Context(), strict, third, social.Completion{Email: "victim@example.com"}, atHome); err != nil {
		t.Fatal(err)
	}
	if all := w.mailed(t); len(all) != 0 {
		t.Errorf("mailed %+v", all)
	}
	guessed, _ := w.mustWait(t, strict, byFacebook("4", "guess@example.com"))
	code, _ = w.mustCode(t, strict, guessed)
	for range 5 {
		if _, err := w.ProveByCode(t.Context(), strict, guessed, "ABCD-2345", atHome); !errors.Is(err, customer.ErrConfirmation) {
			t.Errorf("a guess: %v", err)
		}
	}
	if _, err := w.ProveByCode(t.Context(), strict, guessed, code, atHome); !errors.Is(err, customer.ErrConfirmation) {
		t.Errorf("after five guesses: %v", err)
	}
}

func TestCodesToOneAddressAreFew(t *testing.T) {
	w := newWorld(t)
	var limit *customer.LimitError
	for i := range 6 {
		token, _ := w.mustWait(t, strict, byFacebook(string(rune('a'+i)), "Victim@example.com"))
		err := w.SendCode(t.Context(), strict, token, "198.51.100."+string(rune('1'+i)))
		if i < 5 && err != nil || i == 5 && !errors.As(err, &limit) {
			t.Errorf("code %d: %v", i, err)
		}
	}
}

func TestTokensOfJoiningAreOfOnePublisherAndExpire(t *testing.T) {
	w := newWorld(t)
	w.mustRegister(t, nova, "ann@example.com")
	token, _ := w.mustWait(t, nova, byGoogle("1", "ann@example.com"))
	refused := func(what string, p authstore.Publisher, token string) {
		t.Helper()
		_, joining := w.Joining(t.Context(), p, token)
		_, complete := w.Complete(t.Context(), p, token, social.Completion{Email: "new@example.com"}, atHome)
		_, byPassword := w.ProveByPassword(t.Context(), p, token, password, atHome)
		_, byCode := w.ProveByCode(t.Context(), p, token, "ABCD-2345", atHome)
		for _, err := range []error{joining, complete, byPassword, byCode, w.SendCode(t.Context(), p, token, "")} {
			if !errors.Is(err, social.ErrJoin) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	refused("another publisher", orbit, token)
	refused("no token", nova, "")
	refused("another", nova, token+"x")
	w.clock.Add(social.JoinLife)
	refused("too late", nova, token)
}

func TestDisabledAndErasedCustomersDoNotComeBackByAnIdentity(t *testing.T) {
	w := newWorld(t)
	c := w.mustEnter(t, nova, byGoogle("1", "ann@example.com")).Customer
	token, _ := w.mustWait(t, nova, byFacebook("2", "ann@example.com"))
	code, _ := w.mustCode(t, nova, token)
	if err := w.sessions.EndByDisabling(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Enter(t.Context(), nova, byGoogle("1", "ann@example.com"), german, atHome); !errors.Is(err, social.ErrClosed) {
		t.Errorf("disabled, by the identity: %v", err)
	}
	if _, err := w.ProveByCode(t.Context(), nova, token, code, atHome); !errors.Is(err, social.ErrClosed) {
		t.Errorf("disabled, by a code: %v", err)
	}
	if err := w.Link(t.Context(), nova, c, byFacebook("3", "")); !errors.Is(err, social.ErrClosed) {
		t.Errorf("disabled, linking: %v", err)
	}
	if err := w.customers.Erase(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.stored.Records() {
		if strings.Contains(r.Table, "identities") {
			t.Errorf("something is left of an erased customer's identity: %+v", r)
		}
	}
	if again := w.mustEnter(t, nova, byGoogle("1", "ann@example.com")); again.Customer.ID == c.ID {
		t.Error("the erased customer is back")
	}
}

func TestCustomerErasedWhileSomebodyProvesIsNotLinked(t *testing.T) {
	w := newWorld(t)
	c := w.mustEnter(t, nova, byGoogle("1", "ann@example.com")).Customer
	token, _ := w.mustWait(t, nova, byFacebook("2", "ann@example.com"))
	code, _ := w.mustCode(t, nova, token)
	w.between.do = func() {
		if err := w.customers.Erase(t.Context(), c.ID); err != nil {
			t.Error(err)
		}
	}
	e, err := w.ProveByCode(t.Context(), nova, token, code, atHome)
	if err != nil || e.Customer.ID == c.ID || e.Customer.EmailVerified.IsZero() || w.ways(t, nova, e.Customer) != facebook+" 2 last" {
		t.Errorf("%+v, %v; want a customer of their own", e, err)
	}
}

func TestPasswordProofCountsAsALoginAndFindsNoAccountWithoutOne(t *testing.T) {
	w := newWorld(t)
	w.mustEnter(t, nova, byGoogle("1", "ann@example.com")) // without a password
	token, _ := w.mustWait(t, nova, byFacebook("2", "ann@example.com"))
	var limit *customer.LimitError
	for i := range 11 {
		_, err := w.ProveByPassword(t.Context(), nova, token, "", atHome)
		if i < 10 && !errors.Is(err, customer.ErrConfirmation) || i == 10 && !errors.As(err, &limit) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if err := w.limits.Failures.Flush(t.Context(), w.store); err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	if days, err := w.store.Activity(t.Context(), nova.ID, now, now.Add(time.Nanosecond)); err != nil || len(days) != 1 || days[0].Failed != 10 {
		t.Errorf("failures %+v, %v", days, err)
	}
}
