// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/session"
)

func TestConfirmedSessionIsProvedByANewSecretAlone(t *testing.T) {
	w := newWorld(t)
	before, given := w.mustStart(t, session.AtHub)
	w.clock.Add(time.Hour)
	proof, err := w.Confirm(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AtHub(t.Context(), given.Hub); !errors.Is(err, session.ErrRefused) {
		t.Errorf("the old secret: %v", err)
	}
	after, err := w.AtHub(t.Context(), proof)
	if err != nil || after.ID != before.ID || !after.Created.Equal(before.Created) || !after.SignedIn().Equal(w.clock.Now()) {
		t.Errorf("session %+v, %v; before %+v", after, err, before)
	}
	_, claims, err := w.AccessToken(t.Context(), after, site)
	if err != nil || !claims.SignedInAt.Equal(w.clock.Now()) {
		t.Errorf("its tokens say %v, %v", claims.SignedInAt, err)
	}
}

func TestOnlyALiveSessionAsItWasProvedIsConfirmed(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.AtHub)
	if _, err := w.Confirm(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Confirm(t.Context(), s); !errors.Is(err, session.ErrRefused) {
		t.Errorf("proved by a secret that is over: %v", err)
	}
	api, _ := w.mustStart(t, session.ByAPI)
	if _, err := w.Confirm(t.Context(), api); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a session of the API: %v", err)
	}
	ended, _ := w.mustStart(t, session.AtHub)
	if err := w.End(t.Context(), ended.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Confirm(t.Context(), ended); !errors.Is(err, session.ErrRefused) {
		t.Errorf("a session that has ended: %v", err)
	}
	fault := errors.New("disk on fire")
	other, given := w.mustStart(t, session.AtHub)
	w.faulty.FailCommit(fault)
	if proof, err := w.Confirm(t.Context(), other); !errors.Is(err, fault) || proof != "" {
		t.Errorf("%q, %v; want the fault", proof, err)
	}
	if _, err := w.AtHub(t.Context(), given.Hub); err != nil {
		t.Errorf("after a fault the secret is refused: %v", err)
	}
}
