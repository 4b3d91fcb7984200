// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/authstoretest"
	"github.com/usher-sso/usher/internal/token"
)

const day = 24 * time.Hour

// advance moves the clock on and does what is due every hour.
func (r *ring) advance(t *testing.T, d time.Duration) {
	t.Helper()
	for ; d > 0; d -= time.Hour {
		r.clock.Add(min(d, time.Hour))
		if err := r.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// signer returns the kid that signs now.
func (r *ring) signer(t *testing.T) string {
	t.Helper()
	return fmt.Sprint(part(t, mustSign(t, r.Keyring, r.claims()), 0)["kid"])
}

// longLived signs a token that outlives every key.
func (r *ring) longLived(t *testing.T) string {
	t.Helper()
	c := r.claims()
	c.Expires = c.IssuedAt.Add(365 * day)
	return mustSign(t, r.Keyring, c)
}

// published returns the kids of the public set, sorted.
func (r *ring) published(t *testing.T) (kids []string) {
	t.Helper()
	for kid := range publicKeys(t, r.JWKS()) {
		kids = append(kids, kid)
	}
	slices.Sort(kids)
	return kids
}

func TestKeysRotateWithOverlap(t *testing.T) {
	r := newRing(t)
	first, old := r.signer(t), r.longLived(t)
	r.advance(t, 29*day-time.Hour)
	if got := r.published(t); !slices.Equal(got, []string{first}) {
		t.Fatalf("before day 29 published: %v, want the first alone", got)
	}
	r.advance(t, time.Hour)
	kids := r.published(t)
	if len(kids) != 2 || r.signer(t) != first {
		t.Fatalf("on day 29 published: %v, signing: %s; want a second one that does not sign", kids, r.signer(t))
	}
	second := kids[0]
	if second == first {
		second = kids[1]
	}
	r.advance(t, day-time.Hour)
	r.clock.Add(time.Hour - time.Millisecond)
	if r.signer(t) != first {
		t.Error("the second key signs before day 30")
	}
	r.clock.Add(time.Millisecond) // without Rotate: it was published already
	if r.signer(t) != second {
		t.Error("the second key does not sign on day 30")
	}
	r.advance(t, day-time.Hour)
	r.clock.Add(time.Hour - time.Millisecond)
	if err := r.at(site)(old); err != nil {
		t.Errorf("a day after its key signed last: %v", err)
	}
	r.clock.Add(time.Millisecond) // without Rotate: the key is dead by the clock
	r.wantInvalid(t, "token of a dead key", old)
	r.advance(t, time.Hour)
	if got := r.published(t); !slices.Equal(got, []string{second}) || len(signingKeys(t, r.store)) != 1 {
		t.Errorf("after day 31 published: %v, %d stored; want the second alone", got, len(signingKeys(t, r.store)))
	}
}

func TestRotationGoesOnForAYearWithoutAGap(t *testing.T) {
	r := newRing(t)
	seen := map[string]bool{}
	for range 365 {
		raw := mustSign(t, r.Keyring, r.claims())
		if err := r.at(site)(raw); err != nil {
			t.Fatal(err)
		}
		seen[r.signer(t)] = true
		r.clock.Add(day)
		if err := r.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(signingKeys(t, r.store)); n > 3 {
			t.Fatalf("%d keys are stored", n)
		}
	}
	if len(seen) < 12 || len(seen) > 13 {
		t.Errorf("%d keys signed in a year, want one a month", len(seen))
	}
}

func TestRootKeyIsNoSigningKeyAndNeverForgotten(t *testing.T) {
	r := newRing(t)
	root, err := r.store.RootKey(t.Context(), []byte("the root of the installation ..."))
	if err != nil {
		t.Fatal(err)
	}
	r.advance(t, 31*day)
	if slices.Contains(r.published(t), authstore.RootKeyID) || r.signer(t) == authstore.RootKeyID {
		t.Error("the root is used as a signing key")
	}
	again, err := r.store.RootKey(t.Context(), []byte("another"))
	if err != nil || string(again.Secret) != string(root.Secret) {
		t.Errorf("the root after a rotation: %q, %v", again.Secret, err)
	}
}

func TestServerThatWasOffForLongSignsAtOnce(t *testing.T) {
	r := newRing(t)
	old := r.longLived(t)
	r.clock.Add(200 * day)
	again := &ring{mustOpen(t, r.store, "ES256"), r.store, r.clock}
	raw := mustSign(t, again.Keyring, again.claims())
	if err := again.at(site)(raw); err != nil {
		t.Error(err)
	}
	if err := again.at(site)(old); err != nil {
		t.Errorf("the old key signed until now, so it has a day left: %v", err)
	}
	again.advance(t, day)
	again.wantInvalid(t, "a day later", old)
}

func TestChangeOfAlgorithmKeepsOldTokensForTheOverlap(t *testing.T) {
	r := newRing(t)
	old := r.longLived(t)
	changed := &ring{mustOpen(t, r.store, "EdDSA"), r.store, r.clock}
	raw := changed.longLived(t)
	if alg := part(t, raw, 0)["alg"]; alg != "EdDSA" {
		t.Errorf("signs with %v", alg)
	}
	changed.advance(t, day-time.Hour)
	changed.clock.Add(time.Hour - time.Millisecond)
	for name, raw := range map[string]string{"old": old, "new": raw} {
		if err := changed.at(site)(raw); err != nil {
			t.Errorf("%s token within a day: %v", name, err)
		}
	}
	changed.advance(t, time.Hour)
	changed.wantInvalid(t, "old token after a day", old)
	if err := changed.at(site)(raw); err != nil || len(changed.published(t)) != 1 {
		t.Errorf("new token after a day: %v, published %v", err, changed.published(t))
	}
}

func TestChangeOfAlgorithmAndBackGoesOnWithTheOldKey(t *testing.T) {
	r := newRing(t)
	first, signer := r.longLived(t), r.signer(t)
	r.clock.Add(time.Hour)
	between := &ring{mustOpen(t, r.store, "EdDSA"), r.store, r.clock}
	second := between.longLived(t)
	r.clock.Add(time.Hour)
	back := &ring{mustOpen(t, r.store, "ES256"), r.store, r.clock}
	if back.signer(t) != signer {
		t.Error("another key was made")
	}
	for name, raw := range map[string]string{"first": first, "second": second} {
		if err := back.at(site)(raw); err != nil {
			t.Errorf("token of the %s algorithm: %v", name, err)
		}
	}
	back.advance(t, 2*day)
	if err := back.at(site)(first); err != nil || !slices.Equal(back.published(t), []string{signer}) {
		t.Errorf("two days later: %v, published %v", err, back.published(t))
	}
	back.wantInvalid(t, "token of the second algorithm, two days later", second)
}

// On day 29 the next key waits for its turn. A change of the algorithm and back
// must not disturb the rotation.
func TestChangeOfAlgorithmAndBackAroundARotationLeavesOneKey(t *testing.T) {
	r := newRing(t)
	first := r.signer(t)
	r.advance(t, 29*day+12*time.Hour)
	_ = mustOpen(t, r.store, "EdDSA")
	r.clock.Add(time.Hour)
	back := &ring{mustOpen(t, r.store, "ES256"), r.store, r.clock}
	var signers []string
	for range 48 {
		back.advance(t, time.Hour)
		raw := mustSign(t, back.Keyring, back.claims())
		back.clock.Add(10 * time.Minute) // lives on while the next hour's work is done
		if err := back.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := back.at(site)(raw); err != nil {
			t.Errorf("a token that was just signed: %v", err)
		}
		signers = append(signers, fmt.Sprint(part(t, raw, 0)["kid"]))
	}
	signers = slices.Compact(signers)
	if len(signers) != 2 || signers[0] != first {
		t.Errorf("%d keys signed within two days, want the first and the next", len(signers))
	}
	if kids := back.published(t); !slices.Equal(kids, signers[len(signers)-1:]) {
		t.Errorf("%d keys are published two days later, want the one that signs", len(kids))
	}
}

func TestKeyringsOverOneStoreAgree(t *testing.T) {
	r := newRing(t)
	other := mustOpen(t, r.store, "ES256")
	if _, err := other.Verify(mustSign(t, r.Keyring, r.claims()), site); err != nil {
		t.Errorf("first to second: %v", err)
	}
	if err := r.at(site)(mustSign(t, other, r.claims())); err != nil {
		t.Errorf("second to first: %v", err)
	}
	r.clock.Add(29 * day)
	together(t, 10, func(i int) error { return []*token.Keyring{r.Keyring, other}[i%2].Rotate(context.Background()) })
	if n := len(signingKeys(t, r.store)); n != 2 {
		t.Errorf("%d keys after many rotations at once, want the old and one new", n)
	}
	r.clock.Add(day)
	raw := mustSign(t, r.Keyring, r.claims())
	if _, err := other.Verify(raw, site); err != nil {
		t.Errorf("after the rotation: %v", err)
	}
	if theirs := fmt.Sprint(part(t, mustSign(t, other, r.claims()), 0)["kid"]); theirs != r.signer(t) {
		t.Error("the two sign with different keys")
	}
}

func TestKeyringsThatStartTogetherMakeOneKey(t *testing.T) {
	clock := authstoretest.NewClock()
	store := authstoretest.NewStore(t, clock)
	together(t, 10, func(int) error {
		_, err := token.OpenKeyring(context.Background(), store, issuer, "ES256")
		return err
	})
	if n := len(signingKeys(t, store)); n != 1 {
		t.Errorf("%d keys, want one", n)
	}
}

func together(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// The clocks of nodes differ by a little, and the clock of a machine may be
// set back after its first start.
func TestClockThatIsBehindSignsToo(t *testing.T) {
	memory, ahead, behind := authstoretest.NewMemory(), authstoretest.NewClock(), authstoretest.NewClock()
	behind.Add(-2 * time.Second)
	first := mustOpen(t, authstore.New(memory, ahead.Now), "ES256")
	second := &ring{mustOpen(t, authstore.New(memory, behind.Now), "ES256"), authstore.New(memory, behind.Now), behind}
	raw, err := second.Sign(second.claims())
	if err != nil {
		t.Fatalf("signing by a clock that is two seconds behind: %v", err)
	}
	if _, err := first.Verify(raw, site); err != nil {
		t.Error(err)
	}
}

func TestKeyringKeepsItsKeysWhileTheStoreFails(t *testing.T) {
	fault := errors.New("disk on fire")
	clock := authstoretest.NewClock()
	faulty := authstoretest.NewFaulty(authstoretest.NewMemory())
	store := authstore.New(faulty, clock.Now)
	faulty.FailView(fault)
	if _, err := token.OpenKeyring(t.Context(), store, issuer, "ES256"); !errors.Is(err, fault) {
		t.Errorf("OpenKeyring: %v, want the fault", err)
	}
	faulty.FailCommit(fault)
	if _, err := token.OpenKeyring(t.Context(), store, issuer, "ES256"); !errors.Is(err, fault) || len(signingKeys(t, store)) != 0 {
		t.Errorf("OpenKeyring: %v, want the fault and no key", err)
	}
	r := &ring{mustOpen(t, store, "ES256"), store, clock}
	clock.Add(29 * day)
	faulty.FailUpdate(fault)
	if err := r.Rotate(t.Context()); !errors.Is(err, fault) {
		t.Errorf("Rotate: %v, want the fault", err)
	}
	if err := r.at(site)(mustSign(t, r.Keyring, r.claims())); err != nil {
		t.Errorf("while the store fails: %v", err)
	}
}

func TestStoredKeyThatCannotBeReadIsReportedWithoutItsSecret(t *testing.T) {
	store := authstoretest.NewStore(t, authstoretest.NewClock())
	_, err := store.ChangeKeys(t.Context(), func([]authstore.Key) ([]authstore.Key, []string, error) {
		return []authstore.Key{{ID: "damaged", Algorithm: "ES256", Secret: []byte("private words")}}, nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = token.OpenKeyring(t.Context(), store, issuer, "ES256")
	if err == nil || !strings.Contains(err.Error(), "damaged") || strings.Contains(err.Error(), "private words") {
		t.Errorf("got %v", err)
	}
}
