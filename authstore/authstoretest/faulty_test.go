// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstoretest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
)

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	authstoretest.RunBackend(t, authstoretest.Harness{
		Open: func(*testing.T) authstore.Backend { return authstoretest.NewFaulty(authstoretest.NewMemory()) },
	})
}

func TestFaultyFailsOnceAndKeepsNothing(t *testing.T) {
	errFault := errors.New("disk on fire")
	cases := []struct {
		name string
		arm  func(*authstoretest.Faulty)
		runs bool // whether the function of the failing update runs
	}{
		{"FailUpdate", func(f *authstoretest.Faulty) { f.FailUpdate(errFault) }, false},
		{"FailCommit", func(f *authstoretest.Faulty) { f.FailCommit(errFault) }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := authstoretest.NewFaulty(authstoretest.NewMemory())
			ran := false
			write := func(tx authstore.Tx) error {
				ran = true
				return tx.Put("t", "k", []byte(`1`))
			}
			read := func(tx authstore.Tx) error {
				_, err := tx.Get("t", "k")
				return err
			}
			c.arm(f)
			if err := f.Update(context.Background(), write); err != errFault || ran != c.runs {
				t.Errorf("Update = %v and its function ran: %t, want the fault and %t", err, ran, c.runs)
			}
			if err := f.View(context.Background(), read); !errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("Get after the fault = %v, want ErrNotFound", err)
			}
			if err := f.Update(context.Background(), write); err != nil {
				t.Errorf("second Update = %v, want nil", err)
			}
			if err := f.View(context.Background(), read); err != nil {
				t.Errorf("Get after the second Update = %v, want nil", err)
			}
		})
	}
}

func TestFaultyFailsOneView(t *testing.T) {
	errFault := errors.New("disk on fire")
	f := authstoretest.NewFaulty(authstoretest.NewMemory())
	f.FailView(errFault)
	fn := func(authstore.Tx) error { return nil }
	if err := f.View(context.Background(), fn); err != errFault {
		t.Errorf("View = %v, want the fault", err)
	}
	if err := f.View(context.Background(), fn); err != nil {
		t.Errorf("second View = %v, want nil", err)
	}
}
