// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

func answer(name, version string, state authstore.ConsentState) authstore.ConsentRecord {
	return authstore.ConsentRecord{Name: name, Version: version, TextHash: "hash of " + version, State: state, IP: "192.0.2.7"}
}

func (w *world) mustAnswer(t *testing.T, c authstore.Customer, answers ...authstore.ConsentRecord) {
	t.Helper()
	if err := w.AnswerConsents(t.Context(), c.ID, answers); err != nil {
		t.Fatal(err)
	}
}

// withdrawal is an answer that declines the terms, and whether that takes back
// what is required.
func withdrawal(c authstore.Customer, withdraws bool) authstore.ConsentChange {
	return authstore.ConsentChange{
		Customer: c.ID, Answers: []authstore.ConsentRecord{answer("terms", "1", authstore.Declined)},
		Withdraws: func(map[string]authstore.ConsentAnswer) bool { return withdraws }, EndedFor: endedFor,
	}
}

func TestWithdrawalEndsAllSessionsWithTheAnswer(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustStartThree(t)
		w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted))
		declined := withdrawal(c, false)
		withdrawn, ids, err := w.ChangeConsents(t.Context(), declined)
		if err != nil || withdrawn || len(ids) != 0 {
			t.Errorf("an answer that takes nothing back: %t, %v, %v", withdrawn, ids, err)
		}
		w.wantSession(t, "a1", true)

		w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted))
		declined.Withdraws = func(inForce map[string]authstore.ConsentAnswer) bool {
			return inForce["terms"].State == authstore.Accepted // as it was before
		}
		withdrawn, ids, err = w.ChangeConsents(t.Context(), declined)
		if err != nil || !withdrawn || len(ids) != 3 {
			t.Errorf("got %t, %v, %v", withdrawn, ids, err)
		}
		w.wantSession(t, "a1", false)
		if inForce, err := w.Consents(t.Context(), c.ID); err != nil || inForce["terms"].State != authstore.Declined {
			t.Errorf("in force %+v, %v", inForce, err)
		}
		if history, err := w.ConsentHistory(t.Context(), c.ID); err != nil || len(history) != 4 {
			t.Errorf("%d answers on record, %v", len(history), err)
		}
	})
	w := newWorld(t)
	if _, _, err := w.ChangeConsents(t.Context(), withdrawal(authstore.Customer{ID: 123_456_789}, true)); !errors.Is(err, authstore.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
}

// mustAnswerFour gives a customer a history of four answers.
func (w *world) mustAnswerFour(t *testing.T, c authstore.Customer) {
	t.Helper()
	w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted), answer("marketing", "1", authstore.Declined))
	w.clock.Add(time.Hour)
	w.mustAnswer(t, c, answer("terms", "2", authstore.Accepted))
	w.clock.Add(time.Hour)
	w.mustAnswer(t, c, answer("marketing", "1", authstore.Accepted))
}

func TestNewestAnswerIsInForceAndTheHistoryKeepsAll(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		begun := w.Now()
		w.mustAnswerFour(t, c)
		inForce, err := w.Consents(t.Context(), c.ID)
		wantInForce := map[string]authstore.ConsentAnswer{
			"terms":     {Version: "2", State: authstore.Accepted, Time: begun.Add(time.Hour)},
			"marketing": {Version: "1", State: authstore.Accepted, Time: begun.Add(2 * time.Hour)},
		}
		if err != nil || !maps.Equal(inForce, wantInForce) {
			t.Errorf("in force: %+v, %v", inForce, err)
		}
		history, err := w.ConsentHistory(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, r := range history {
			got = append(got, fmt.Sprintf("%s %s %s +%v", r.Name, r.Version, r.State, r.Time.Sub(begun)))
			if r.Sequence != i+1 || r.CustomerID != c.ID || r.PublisherID != c.PublisherID || i > 0 && r.Previous != history[i-1].Hash {
				t.Errorf("answer %d: %+v", i+1, r)
			}
		}
		want := "terms 1 accepted +0s, marketing 1 declined +0s, terms 2 accepted +1h0m0s, marketing 1 accepted +2h0m0s"
		if strings.Join(got, ", ") != want {
			t.Errorf("history %s, want %s", got, want)
		}
	})
}

func TestEvidenceIsFilledInByTheStore(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	forged := answer("terms", "1", authstore.Accepted)
	forged.Sequence, forged.CustomerID, forged.PublisherID, forged.Previous, forged.Hash = 9, 1, 2, "p", "h"
	forged.Time = w.Now().Add(-time.Hour)
	w.mustAnswer(t, c, forged)
	history, err := w.ConsentHistory(t.Context(), c.ID)
	if err != nil || len(history) != 1 {
		t.Fatal(history, err)
	}
	r := history[0]
	if r.Sequence != 1 || r.CustomerID != c.ID || r.PublisherID != c.PublisherID || r.Previous != "" || len(r.Hash) != 64 || !r.Time.Equal(w.Now()) {
		t.Errorf("stored %+v", r)
	}
}

func TestAnswersNeedACustomer(t *testing.T) {
	w := newWorld(t)
	err := w.AnswerConsents(t.Context(), 123_456_789, []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)})
	if !errors.Is(err, authstore.ErrNotFound) || w.records() != "" {
		t.Errorf("got %v, stored %q", err, w.records())
	}
	if history, err := w.ConsentHistory(t.Context(), 123_456_789); len(history) != 0 || err != nil {
		t.Errorf("history of nobody: %v, %v", history, err)
	}
}

func TestParallelAnswersFormOneChain(t *testing.T) {
	const n = 25
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		errs := parallel(n, func(i int) error {
			return w.AnswerConsents(t.Context(), c.ID, []authstore.ConsentRecord{answer("terms", fmt.Sprint(i), authstore.Accepted)})
		})
		history, err := w.ConsentHistory(t.Context(), c.ID)
		if count(errs, nil) != n || err != nil || len(history) != n {
			t.Errorf("%d answers of %d, %v, %v", len(history), n, err, errs)
		}
		inForce, err := w.Consents(t.Context(), c.ID)
		if err != nil || inForce["terms"].Version != history[n-1].Version {
			t.Errorf("in force %+v, last %+v, %v", inForce["terms"], history[n-1], err)
		}
	})
}

// Reading the answers in force is one look-up, and the evidence is not in it.
func TestAnswersInForceAreOneRecord(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustAnswerFour(t, c)
	const want = `{"marketing":{"version":"1","state":"accepted","time":"2026-03-01T14:00:00Z"},"terms":{"version":"2","state":"accepted","time":"2026-03-01T13:00:00Z"}}`
	if got := w.mustGet(t, "consents", fmt.Sprint(c.ID)); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
	if n := strings.Count(w.records(), "\nconsents "); n != 1 {
		t.Errorf("%d records, want one", n)
	}
}

// The keys below are part of the stored format.
func logKey(c authstore.Customer, sequence int) string {
	return fmt.Sprintf("%d\x00%09d", c.ID, sequence)
}

func (w *world) mustGet(t *testing.T, table, key string) string {
	t.Helper()
	var value []byte
	err := w.View(t, func(tx authstore.Tx) (err error) {
		value, err = tx.Get(table, key)
		return err
	})
	if err != nil {
		t.Fatalf("%s %q: %v", table, key, err)
	}
	return string(value)
}

// View reads below the store.
func (w *world) View(t *testing.T, fn func(authstore.Tx) error) error {
	t.Helper()
	return w.watch.Backend.View(t.Context(), fn)
}

func TestEveryChangedMemberOfEvidenceIsDetected(t *testing.T) {
	forgeries := map[string]any{
		"sequence": 7, "publisherId": 100_000_009, "customerId": 999_999_999, "name": "privacy", "version": "9", "textHash": "other",
		"state": "declined", "time": "2020-01-01T00:00:00Z", "ip": "198.51.100.1", "previous": "00", "hash": "00",
	}
	for sequence := 1; sequence <= 4; sequence++ {
		for member, forged := range forgeries {
			t.Run(fmt.Sprintf("%s of %d", member, sequence), func(t *testing.T) {
				w := newWorld(t)
				c := w.mustRegister(t, "ann@example.com")
				w.mustAnswerFour(t, c)
				var record map[string]any
				if err := json.Unmarshal([]byte(w.mustGet(t, "consent_log", logKey(c, sequence))), &record); err != nil {
					t.Fatal(err)
				}
				if record[member] == forged {
					forged = "accepted" // the one declined answer
				}
				record[member] = forged
				w.put(t, "consent_log", logKey(c, sequence), mustJSON(t, record))
				if _, err := w.ConsentHistory(t.Context(), c.ID); !errors.Is(err, authstore.ErrBrokenChain) {
					t.Errorf("got %v, want ErrBrokenChain", err)
				}
			})
		}
	}
}

// rehash changes an answer and gives it the hash that fits.
func (w *world) rehash(t *testing.T, c authstore.Customer, sequence int) {
	t.Helper()
	var r authstore.ConsentRecord
	if err := json.Unmarshal([]byte(w.mustGet(t, "consent_log", logKey(c, sequence))), &r); err != nil {
		t.Fatal(err)
	}
	r.IP, r.Hash = "198.51.100.1", ""
	sum := sha256.Sum256([]byte(mustJSON(t, r)))
	r.Hash = hex.EncodeToString(sum[:])
	w.put(t, "consent_log", logKey(c, sequence), mustJSON(t, r))
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTamperedChainIsDetected(t *testing.T) {
	removed := func(sequences ...int) func(*testing.T, *world, authstore.Customer) {
		return func(t *testing.T, w *world, c authstore.Customer) {
			for _, i := range sequences {
				w.remove(t, "consent_log", logKey(c, i))
			}
		}
	}
	tests := map[string]func(t *testing.T, w *world, c authstore.Customer){
		"first removed": removed(1), "one in the middle removed": removed(2), "last removed": removed(4), "all removed": removed(1, 2, 3, 4),
		"one in the middle changed and hashed again": func(t *testing.T, w *world, c authstore.Customer) { w.rehash(t, c, 2) },
		"last changed and hashed again":              func(t *testing.T, w *world, c authstore.Customer) { w.rehash(t, c, 4) },
		"head removed":                               func(t *testing.T, w *world, c authstore.Customer) { w.remove(t, "consent_head", fmt.Sprint(c.ID)) },
		"head set back": func(t *testing.T, w *world, c authstore.Customer) {
			w.put(t, "consent_head", fmt.Sprint(c.ID), `{"sequence":3,"hash":"00"}`)
		},
		"two swapped": func(t *testing.T, w *world, c authstore.Customer) {
			second, third := w.mustGet(t, "consent_log", logKey(c, 2)), w.mustGet(t, "consent_log", logKey(c, 3))
			w.put(t, "consent_log", logKey(c, 2), third)
			w.put(t, "consent_log", logKey(c, 3), second)
		},
		"last repeated": func(t *testing.T, w *world, c authstore.Customer) {
			w.put(t, "consent_log", logKey(c, 5), w.mustGet(t, "consent_log", logKey(c, 4)))
		},
		"another customer's evidence": func(t *testing.T, w *world, c authstore.Customer) {
			other := w.mustRegister(t, "bob@example.com")
			w.mustAnswerFour(t, other)
			for i := range 4 {
				w.put(t, "consent_log", logKey(c, i+1), w.mustGet(t, "consent_log", logKey(other, i+1)))
			}
			w.put(t, "consent_head", fmt.Sprint(c.ID), w.mustGet(t, "consent_head", fmt.Sprint(other.ID)))
		},
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.mustRegister(t, "ann@example.com")
			w.mustAnswerFour(t, c)
			tamper(t, w, c)
			if history, err := w.ConsentHistory(t.Context(), c.ID); !errors.Is(err, authstore.ErrBrokenChain) {
				t.Errorf("got %d answers, %v, want ErrBrokenChain", len(history), err)
			}
		})
	}
}

func TestBrokenChainNamesTheFirstAnswerThatFails(t *testing.T) {
	w := newWorld(t)
	c := w.mustRegister(t, "ann@example.com")
	w.mustAnswerFour(t, c)
	forged := strings.Replace(w.mustGet(t, "consent_log", logKey(c, 3)), "accepted", "declined", 1)
	w.put(t, "consent_log", logKey(c, 3), forged)
	history, err := w.ConsentHistory(t.Context(), c.ID)
	if len(history) != 2 || err == nil || !strings.HasSuffix(err.Error(), "at answer 3") {
		t.Errorf("got %d answers, %v", len(history), err)
	}
}
