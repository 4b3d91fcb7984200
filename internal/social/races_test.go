// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/social"
)

// parallel runs fn n times at once.
func parallel(n int, fn func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	all.Wait()
}

// worlds are those in which races are run.
func worlds(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Run("memory", func(t *testing.T) { fn(t, newWorld(t)) })
	t.Run("bolt", func(t *testing.T) { fn(t, overBolt(t)) })
}

func TestFiftyPeopleAtOnceAreWhoTheyAre(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		got := make([]customer.Entry, 50)
		for range 2 { // new, then known
			parallel(50, func(i int) {
				who := byGoogle(fmt.Sprint(i), fmt.Sprintf("c%d@example.com", i))
				o, err := w.Enter(t.Context(), nova, who, german, atHome)
				if err != nil || o.Entry == nil {
					t.Errorf("%d: %+v, %v", i, o, err)
					return
				}
				if before := got[i].Customer.ID; before != 0 && before != o.Entry.Customer.ID || o.Entry.Customer.Email != who.Email {
					t.Errorf("%d is %+v", i, o.Entry.Customer)
				}
				got[i] = *o.Entry
			})
		}
		seen := map[int64]bool{}
		for i, e := range got {
			h, err := w.sessions.AtHub(t.Context(), e.Secrets.Hub)
			if err != nil || h.CustomerID != e.Customer.ID || seen[e.Customer.ID] {
				t.Errorf("%d has the session of %d, %v", i, h.CustomerID, err)
			}
			seen[e.Customer.ID] = true
		}
	})
}

func TestOnePersonWhoArrivesManyTimesAtOnceIsOneCustomer(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		ids := make([]int64, 20)
		parallel(20, func(i int) {
			o, err := w.Enter(t.Context(), nova, byGoogle("1", "ann@example.com"), german, atHome)
			if err != nil || o.Entry == nil {
				t.Errorf("%+v, %v", o, err)
				return
			}
			ids[i] = o.Entry.Customer.ID
		})
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("customers %v, want one", ids)
			}
		}
	})
}

func TestTwoCompletionsOfOneTokenMakeOneCustomer(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		token, _ := w.mustWait(t, orbit, byFacebook("1", ""))
		errs, made := make([]error, 20), make([]*customer.Entry, 20)
		parallel(20, func(i int) {
			var o social.Outcome
			o, errs[i] = w.Complete(t.Context(), orbit, token, social.Completion{Email: fmt.Sprintf("c%d@example.com", i), Answers: agreed}, atHome)
			made[i] = o.Entry
		})
		n := 0
		for i, err := range errs {
			switch {
			case err == nil && made[i] != nil:
				n++
			case !errors.Is(err, social.ErrJoin):
				t.Errorf("%+v, %v", made[i], err)
			}
		}
		if n != 1 {
			t.Errorf("%d customers, want one", n)
		}
	})
}

// Of two people with one address, one has it; the other is asked to prove it.
func TestTwoPeopleWithOneAddressAreNotOneCustomer(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		outcomes := make([]social.Outcome, 20)
		parallel(20, func(i int) {
			var err error
			if outcomes[i], err = w.Enter(t.Context(), nova, byGoogle(fmt.Sprint(i), "ann@example.com"), german, atHome); err != nil {
				t.Error(err)
			}
		})
		in := 0
		for _, o := range outcomes {
			if o.Entry != nil {
				in++
			} else if j := w.mustJoining(t, nova, o.Join); asked(j) != "proof" {
				t.Errorf("asked for %q", asked(j))
			}
		}
		if in != 1 {
			t.Errorf("%d are in, want one", in)
		}
	})
}

func TestIdentityLinkedToTwoCustomersAtOnceIsOneCustomers(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		var all []customer.Entry
		for i := range 10 {
			all = append(all, w.mustEnter(t, nova, byGoogle(fmt.Sprint(i), fmt.Sprintf("c%d@example.com", i))))
		}
		errs := make([]error, len(all))
		parallel(len(all), func(i int) { errs[i] = w.Link(t.Context(), nova, all[i].Customer, byFacebook("1", "")) })
		owners := 0
		for i, err := range errs {
			switch {
			case err == nil && w.Owns(t.Context(), all[i].Customer, byFacebook("1", "")) == nil:
				owners++
			case !errors.Is(err, social.ErrTaken) || !errors.Is(w.Owns(t.Context(), all[i].Customer, byFacebook("1", "")), social.ErrOther):
				t.Errorf("%d: %v", i, err)
			}
		}
		if owners != 1 {
			t.Errorf("%d owners, want one", owners)
		}
	})
}

func TestCodeThatIsShownManyTimesAtOnceCountsOnce(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		token, _ := w.mustWait(t, strict, byFacebook("1", "ann@example.com"))
		code, _ := w.mustCode(t, strict, token)
		errs := make([]error, 4) // of the five tries
		parallel(len(errs), func(i int) { _, errs[i] = w.ProveByCode(t.Context(), strict, token, code, atHome) })
		n := 0
		for _, err := range errs {
			if err == nil {
				n++
			} else if !errors.Is(err, social.ErrJoin) {
				t.Error(err)
			}
		}
		if n != 1 {
			t.Errorf("%d are in, want one", n)
		}
	})
}
