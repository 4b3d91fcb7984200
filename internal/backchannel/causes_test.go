// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package backchannel_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
)

// ends are the causes by which sessions end. Each returns the sessions that it
// ended.
var ends = map[string]func(t *testing.T, w *world) ([]string, error){
	"sign-out": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		return []string{id}, w.sessions.End(t.Context(), id)
	},
	"sign-out twice": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		return []string{id}, errors.Join(w.sessions.End(t.Context(), id), w.sessions.End(t.Context(), id))
	},
	"all others": func(t *testing.T, w *world) ([]string, error) {
		a, _ := w.mustStart(t, w.ann)
		b, _ := w.mustStart(t, w.ann)
		mine, _ := w.mustStart(t, w.ann)
		return []string{a, b}, w.sessions.EndAll(t.Context(), w.ann.ID, mine)
	},
	"another sign-in in its place": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		_, _, err := w.sessions.Start(t.Context(), w.ann, "", session.Device{}, session.AtHub, id)
		return []string{id}, err
	},
	"refresh token used twice": func(t *testing.T, w *world) ([]string, error) {
		id, given := w.mustStart(t, w.ann)
		if _, _, err := w.sessions.Refresh(t.Context(), given.Refresh); err != nil {
			return nil, err
		}
		w.clock.Add(time.Minute)
		if _, _, err := w.sessions.Refresh(t.Context(), given.Refresh); !errors.Is(err, session.ErrReused) {
			return nil, err
		}
		return []string{id}, nil
	},
	"sign-in code used twice": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		ticket := authstore.Ticket{Purpose: "code", SessionID: id, Expires: w.clock.Now().Add(time.Minute)}
		code := authstore.SignInCode{Digest: "d", Purpose: "code", Site: "https://news.example", Check: func(authstore.Ticket) error { return nil }}
		if err := w.store.IssueTicket(t.Context(), "d", ticket); err != nil {
			return nil, err
		}
		if _, err := w.sessions.Redeem(t.Context(), code); err != nil {
			return nil, err
		}
		if _, err := w.sessions.Redeem(t.Context(), code); !errors.Is(err, authstore.ErrUsed) {
			return nil, err
		}
		return []string{id}, nil
	},
	"new password": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		mine, _ := w.mustStart(t, w.ann)
		return []string{id}, w.sessions.EndByChange(t.Context(), authstore.PasswordChange{
			Customer: w.ann.ID, Subject: "ann@example.com", Old: "hash", Encoded: "new", Keep: mine,
		})
	},
	"reset": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		w.mustIssue(t, "reset")
		_, err := w.sessions.EndByReset(t.Context(), authstore.PasswordReset{Digest: "reset", Purpose: "reset", Customer: w.ann.ID, Encoded: "new"})
		return []string{id}, err
	},
	"undo of an address": func(t *testing.T, w *world) ([]string, error) {
		id, _ := w.mustStart(t, w.ann)
		w.mustIssue(t, "undo")
		_, err := w.sessions.EndByUndo(t.Context(), authstore.EmailUndo{
			Digest: "undo", Purpose: "undo", Publisher: nova, Reset: "r", ResetTicket: authstore.Ticket{Purpose: "reset"},
		})
		return []string{id}, err
	},
	"erasure": func(t *testing.T, w *world) ([]string, error) {
		a, _ := w.mustStart(t, w.ann)
		b, _ := w.mustStart(t, w.ann)
		return []string{a, b}, w.sessions.EndErased(t.Context(), w.ann.ID)
	},
}

// mustIssue stores a ticket of ann's for the purpose that its digest names.
func (w *world) mustIssue(t *testing.T, digest string) {
	t.Helper()
	err := w.store.IssueNewest(t.Context(), digest, authstore.Ticket{
		Purpose: authstore.Purpose(digest), PublisherID: nova, CustomerID: w.ann.ID, Expires: w.clock.Now().Add(time.Hour),
		Data: map[string]string{authstore.Subject: "ann@example.com", authstore.Address: "ann@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryEndIsToldOnceToEachApp(t *testing.T) {
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			radio, tv := newApp(t, w, ""), newApp(t, w, "tv")
			w.mustDeclare(t, radio, tv)
			want, err := end(t, w)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(want)
			for range 3 {
				w.worker.DeliverDue(t.Context())
				w.clock.Add(time.Hour)
			}
			for _, a := range []*app{radio, tv} {
				told := a.heard()
				var got []string
				for _, e := range told {
					if got = append(got, e.sid); e.sub != fmt.Sprint(w.ann.ID) || e.jti == "" {
						t.Errorf("told %+v", e)
					}
				}
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("told %q, want %q", got, want)
				}
			}
			if r := w.reports(t); w.waiting() != 0 || len(r) != 0 {
				t.Errorf("%d are left, reported %v", w.waiting(), r)
			}
		})
	}
}
