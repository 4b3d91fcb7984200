// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"sync"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

// What was read before is not told again after it has changed, also when another
// Store, as of another process, has changed it.
func TestReadingIsNeverStale(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		other := authstore.New(w.Backend(), w.Now)
		for _, name := range []string{"Ann", "Anna", ""} {
			if _, err := other.ChangeCustomer(t.Context(), c.ID, func(c *authstore.Customer) error {
				c.FirstName = name
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got, err := w.Customer(t.Context(), c.ID); err != nil || got.FirstName != name {
					t.Errorf("read %q, %v; want %q", got.FirstName, err, name)
				}
			}
		}
	})
}

func TestAnswersThatWereReadAreTheReadersOwn(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted))
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				inForce, err := w.Consents(t.Context(), c.ID)
				if err != nil || len(inForce) != 1 || inForce["terms"].State != authstore.Accepted {
					t.Errorf("read %v, %v", inForce, err)
				}
				inForce["terms"] = authstore.ConsentAnswer{State: authstore.Declined}
				inForce["mine"] = authstore.ConsentAnswer{}
			})
		}
		group.Wait()
	})
}
