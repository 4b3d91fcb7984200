// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
)

func TestStreamOfCustomersHasAllWhoAreNotErased(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, w *world) {
		p := newCrowd(t, w, 700)
		var got []int64
		err := w.EachCustomer(t.Context(), nova().ID, func(st authstore.Standing) error {
			if len(st.Consents) != len(p.answers[st.Customer.ID]) {
				t.Errorf("answers of %d are %v", st.Customer.ID, st.Consents)
			}
			got = append(got, st.Customer.ID)
			return nil
		})
		want := ids(p.want(everybody()))
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d customers, %v, want %d", len(got), err, len(want))
		}
	})
}

// A stream may be slow, so writers have their turn meanwhile.
func TestStreamLetsWritersWrite(t *testing.T) {
	p := newCrowd(t, newWorld(t), 300)
	seen := map[int64]int{}
	err := p.EachCustomer(t.Context(), nova().ID, func(st authstore.Standing) error {
		seen[st.Customer.ID]++
		if len(seen)%50 == 0 {
			p.mustRegister(t, fmt.Sprint("new", len(seen)))
			p.mustErase(t, st.Customer)
		}
		return nil
	})
	if err != nil || len(seen) < len(p.want(everybody())) {
		t.Errorf("%d seen, %v", len(seen), err)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("customer %d was seen %d times", id, n)
		}
	}
}

func TestStreamEndsWithTheErrorOfItsReader(t *testing.T) {
	p := newCrowd(t, newWorld(t), 20)
	gone := errors.New("nobody reads")
	n := 0
	if err := p.EachCustomer(t.Context(), nova().ID, func(authstore.Standing) error { n++; return gone }); !errors.Is(err, gone) || n != 1 {
		t.Errorf("%v after %d customers", err, n)
	}
	if err := p.EachConsentRecord(t.Context(), nova().ID, func(authstore.ConsentRecord) error { n++; return gone }); !errors.Is(err, gone) || n != 2 {
		t.Errorf("%v after %d", err, n)
	}
}

// evidence returns all of a publisher's.
func (w *world) evidence(t *testing.T) (all []authstore.ConsentRecord) {
	t.Helper()
	if err := w.EachConsentRecord(t.Context(), nova().ID, func(r authstore.ConsentRecord) error { all = append(all, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func verify(records []authstore.ConsentRecord) (authstore.EvidenceSummary, error) {
	i := 0
	return authstore.VerifyEvidence(func() (authstore.ConsentRecord, error) {
		if i == len(records) {
			return authstore.ConsentRecord{}, io.EOF
		}
		i++
		return records[i-1], nil
	})
}

func TestEvidenceIsWholeAndVerifies(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
	w.mustRegister(t, "none@example.com")
	other := registration("other@example.com")
	other.Customer.PublisherID = orbit().ID
	other.Answers = []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)}
	if _, err := w.Register(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for i := range 450 {
		w.mustAnswer(t, ann, answer("marketing", fmt.Sprint(i), authstore.Accepted))
	}
	w.mustAnswer(t, bob, answer("terms", "1", authstore.Accepted))
	w.erase(bob)
	records := w.evidence(t)
	sum, err := verify(records)
	if err != nil || sum.Customers != 2 || sum.Records != 451 || sum.LastHash != records[450].Hash {
		t.Errorf("%+v, %v", sum, err)
	}
	if sum, err := verify(nil); err != nil || sum != (authstore.EvidenceSummary{}) {
		t.Errorf("nothing is %+v, %v", sum, err)
	}
}

func TestEvidenceThatWasChangedDoesNotVerify(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"ann@example.com", "bob@example.com"} {
		c := w.mustRegister(t, name)
		w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted), answer("terms", "2", authstore.Declined), answer("terms", "3", authstore.Accepted))
	}
	records := w.evidence(t)
	for name, change := range map[string]func([]authstore.ConsentRecord) []authstore.ConsentRecord{
		"state":           func(r []authstore.ConsentRecord) []authstore.ConsentRecord { r[4].State = authstore.Accepted; return r },
		"hash":            func(r []authstore.ConsentRecord) []authstore.ConsentRecord { r[4].Hash = r[3].Hash; return r },
		"a missing one":   func(r []authstore.ConsentRecord) []authstore.ConsentRecord { return slices.Delete(r, 4, 5) },
		"the first gone":  func(r []authstore.ConsentRecord) []authstore.ConsentRecord { return slices.Delete(r, 3, 4) },
		"one twice":       func(r []authstore.ConsentRecord) []authstore.ConsentRecord { return slices.Insert(r, 4, r[4]) },
		"other order":     func(r []authstore.ConsentRecord) []authstore.ConsentRecord { r[3], r[4] = r[4], r[3]; return r },
		"other customers": func(r []authstore.ConsentRecord) []authstore.ConsentRecord { return append(r[3:6:6], r[:3]...) },
		"one in two":      func(r []authstore.ConsentRecord) []authstore.ConsentRecord { return append(r[:4:4], r[2], r[5]) },
	} {
		_, err := verify(change(slices.Clone(records)))
		if !errors.Is(err, authstore.ErrBrokenChain) || !strings.Contains(err.Error(), "customer ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	cut := errors.New("cut off")
	if _, err := authstore.VerifyEvidence(func() (authstore.ConsentRecord, error) { return authstore.ConsentRecord{}, cut }); !errors.Is(err, cut) {
		t.Errorf("got %v", err)
	}
}
