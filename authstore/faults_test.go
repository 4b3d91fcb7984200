// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// operation is one method of Store, called with arguments that succeed.
type operation struct {
	name string
	run  func(context.Context, *world, authstore.Customer) error
}

func changes() []operation {
	return slices.Concat(customerChanges(), linkChanges(), sessionChanges(), otherChanges(), settingsChanges(), listChanges())
}

func customerChanges() []operation {
	return []operation{
		{"Register", func(ctx context.Context, w *world, c authstore.Customer) error {
			r := registration("new@example.com")
			s := w.newSession(c, "new")
			r.Session, r.Answers = &s, []authstore.ConsentRecord{answer("terms", "1", authstore.Accepted)}
			r.Replaces, r.EndedFor = "s1", endedFor
			_, err := w.Register(ctx, r)
			return err
		}},
		{"ChangeCustomer", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.ChangeCustomer(ctx, c.ID, func(c *authstore.Customer) error { c.FirstName = "Ann"; return nil })
			return err
		}},
		{"DisableCustomer", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.DisableCustomer(ctx, c.ID, endedFor)
			return err
		}},
		{"SetPassword", func(ctx context.Context, w *world, c authstore.Customer) error {
			i := authstore.Identity{PublisherID: c.PublisherID, Provider: authstore.ProviderPassword, Subject: "ann@example.com"}
			done, err := w.SetPassword(ctx, i, "hash of ann@example.com", "new")
			if done && err != nil {
				return errors.New("done in spite of an error")
			}
			return err
		}},
		{"ChangeEmail", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.ChangeEmail(ctx, authstore.EmailChange{Customer: c.ID, From: "ann@example.com", To: "new@example.com", Kills: forReset})
			return err
		}},
		{"ResetPassword", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, _, err := w.ResetPassword(ctx, reset(c, "reset"))
			return err
		}},
		{"VerifyEmail", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.VerifyEmail(ctx, authstore.EmailVerification{Digest: "undo", Purpose: forUndo, Publisher: c.PublisherID})
			return err
		}},
		{"UndoEmailChange", func(ctx context.Context, w *world, c authstore.Customer) error {
			u := w.undo(c)
			u.Digest = "undo"
			_, _, err := w.UndoEmailChange(ctx, u)
			return err
		}},
		{"EraseCustomer", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.EraseCustomer(ctx, c.ID, endedFor, forReset)
			return err
		}},
		{"ChangeCapture", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.ChangeCapture(ctx, c.ID, func(*authstore.Customer, *authstore.CaptureAnswers) error { return nil })
		}},
		{"AnswerConsents", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.AnswerConsents(ctx, c.ID, []authstore.ConsentRecord{answer("terms", "2", authstore.Declined)})
		}},
		{"ChangeConsents", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, _, err := w.ChangeConsents(ctx, withdrawal(c, true))
			return err
		}},
	}
}

func sessionChanges() []operation {
	judge := func(v authstore.Verdict) func(context.Context, *world, authstore.Customer) error {
		return func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.JudgeSession(ctx, "s1", endedFor, func(*authstore.Session) (authstore.Verdict, error) { return v, nil })
			return err
		}
	}
	return []operation{
		{"StartSession", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.StartSession(ctx, authstore.SessionStart{Session: w.newSession(c, "new"), Replaces: "s1", EndedFor: endedFor})
		}},
		{"JudgeSession, save", judge(authstore.Save)},
		{"JudgeSession, end", judge(authstore.End)},
		{"EndCustomerSessions", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.EndCustomerSessions(ctx, c.ID, "", endedFor)
			return err
		}},
		{"TouchSessions", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.TouchSessions(ctx, map[string]time.Time{"s1": w.Now().Add(time.Minute)})
		}},
		{"IssueTicket", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.IssueTicket(ctx, "new", authstore.Ticket{Expires: w.Now().Add(time.Minute)})
		}},
		{"IssueNewestAt", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.IssueNewestAt(ctx, "new", w.mailed(c, forUndo, "ann@example.com"))
		}},
		{"ExchangeTicket", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.ExchangeTicket(ctx, "undo", "new", forUndo)
		}},
		{"IssueNewest", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.IssueNewest(ctx, "new", authstore.Ticket{Purpose: forReset, CustomerID: c.ID, Expires: w.Now().Add(time.Minute)})
		}},
		{"RedeemSignIn", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.RedeemSignIn(ctx, signIn("d1", "https://news.example", "secret"))
			return err
		}},
	}
}

func otherChanges() []operation {
	return []operation{
		{"DeclarePublishers", func(ctx context.Context, w *world, _ authstore.Customer) error {
			p := orbit()
			p.Session = authstore.SessionLimits{Idle: time.Hour}
			return w.DeclarePublishers(ctx, []authstore.Publisher{p})
		}},
		{"RootKey", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.RootKey(ctx, []byte("root"))
			return err
		}},
		{"ChangeKeys", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.ChangeKeys(ctx, func([]authstore.Key) ([]authstore.Key, []string, error) {
				return []authstore.Key{{ID: "new"}}, nil, nil
			})
			return err
		}},
		{"QueueMail", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.QueueMail(ctx, authstore.Mail{ID: "new", CustomerID: c.ID})
		}},
		{"QueueMailOnce", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.QueueMailOnce(ctx, authstore.Mail{ID: "new", CustomerID: c.ID, Kind: "new"})
		}},
		{"ClaimMails", func(ctx context.Context, w *world, _ authstore.Customer) error {
			mails, err := w.ClaimMails(ctx, 5, lease)
			if err != nil && len(mails) > 0 {
				return errors.New("claimed in spite of an error")
			}
			return err
		}},
		{"MailSent", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.MailSent(ctx, authstore.Mail{ID: "waiting", CustomerID: c.ID})
		}},
		{"MailFailed", func(ctx context.Context, w *world, c authstore.Customer) error {
			return w.MailFailed(ctx, authstore.Mail{ID: "waiting", CustomerID: c.ID, Due: w.queued}, w.Now().Add(time.Hour))
		}},
		{"ClaimAnnouncement", func(ctx context.Context, w *world, _ authstore.Customer) error {
			names, err := w.DueReceivers(ctx)
			if err != nil {
				return err
			}
			a, ok, err := w.ClaimAnnouncement(ctx, names[0], lease)
			if err != nil && (ok || a.ID != "") {
				return errors.New("claimed in spite of an error")
			}
			return err
		}},
		{"AnnouncementDone", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.AnnouncementDone(ctx, w.claimedEnd)
		}},
		{"AnnouncementFailed", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.AnnouncementFailed(ctx, w.claimedEnd, w.Now().Add(time.Hour))
		}},
		{"Sweep", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, _, err := w.Sweep(ctx, authstore.SweepCursor{})
			return err
		}},
	}
}

func reads() []operation {
	return slices.Concat(customerReads(), otherReads(), settingsReads(), listReads())
}

func customerReads() []operation {
	return []operation{
		{"Customer", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Customer(ctx, c.ID)
			return err
		}},
		{"CustomerByIdentity", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, _, err := w.CustomerByIdentity(ctx, c.PublisherID, authstore.ProviderPassword, "ann@example.com")
			return err
		}},
		{"Capture", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Capture(ctx, c.ID)
			return err
		}},
		{"Consents", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Consents(ctx, c.ID)
			return err
		}},
		{"ConsentHistory", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.ConsentHistory(ctx, c.ID)
			return err
		}},
		{"Session", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.Session(ctx, "s1")
			return err
		}},
		{"CustomerSessions", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.CustomerSessions(ctx, c.ID)
			return err
		}},
	}
}

func otherReads() []operation {
	return []operation{
		{"Publisher", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Publisher(ctx, c.PublisherID)
			return err
		}},
		{"SiteOwner", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.SiteOwner(ctx, "https://news.example")
			return err
		}},
		{"OfferOwner", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.OfferOwner(ctx, "S100000001_US")
			return err
		}},
		{"Ticket", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.Ticket(ctx, "reset", forReset)
			return err
		}},
		{"NewestTicket", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, _, err := w.NewestTicket(ctx, c.PublisherID, forUndo, "ann@example.com")
			return err
		}},
		{"EndedSessions", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.EndedSessions(ctx)
			return err
		}},
		{"DueReceivers", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.DueReceivers(ctx)
			return err
		}},
		{"Keys", func(ctx context.Context, w *world, _ authstore.Customer) error {
			_, err := w.Keys(ctx)
			return err
		}},
	}
}

// inhabited returns a world in which all operations succeed and the changes
// among them change something.
func inhabited(t *testing.T) (*world, authstore.Customer) {
	t.Helper()
	w := newWorld(t)
	w.mustDeclare(t, withReceivers(nova()))
	w.managed(t)
	w.mustIssue(t, "expired")
	w.clock.Add(time.Minute)
	if err := w.IssueTicket(t.Context(), "d1", authstore.Ticket{Purpose: forSignIn, SessionID: "s1", Expires: w.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	c, err := w.Customer(t.Context(), w.customer("ann@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	w.mustAnswer(t, c, answer("terms", "1", authstore.Accepted))
	w.mustIssueReset(t, c, "reset")
	w.mustIssueAt(t, "undo", w.mailed(c, forUndo, "ann@example.com"))
	w.mustIssueJoin(t, "join")
	w.mustLink(t, c, "known")
	w.queued = w.Now()
	w.mustQueue(t, authstore.Mail{ID: "waiting", CustomerID: c.ID})
	err = w.ChangeCapture(t.Context(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error { a.Values["x"] = "y"; return nil })
	if err != nil {
		t.Fatal(err)
	}
	w.mustStart(t, c, "s0")
	w.mustEnd(t, "s0")
	w.claimedEnd = w.mustClaimEnds(t)[0]
	w.mustStart(t, c, "s2")
	w.mustEnd(t, "s2")
	w.clock.Add(time.Second)
	return w, c
}

func TestFailedChangeSurfacesAndKeepsNothing(t *testing.T) {
	fault := errors.New("disk on fire")
	for _, op := range changes() {
		t.Run(op.name, func(t *testing.T) {
			w, c := inhabited(t)
			before := w.records()
			w.faulty.FailUpdate(fault)
			if err := op.run(t.Context(), w, c); !errors.Is(err, fault) || w.records() != before {
				t.Errorf("failed update: %v, stored %s", err, w.records())
			}
			w.faulty.FailCommit(fault)
			if err := op.run(t.Context(), w, c); !errors.Is(err, fault) || w.records() != before {
				t.Errorf("failed commit: %v, stored %s", err, w.records())
			}
			canceled, cancel := context.WithCancel(t.Context())
			cancel()
			if err := op.run(canceled, w, c); !errors.Is(err, context.Canceled) || w.records() != before {
				t.Errorf("canceled: %v, stored %s", err, w.records())
			}
			if err := op.run(t.Context(), w, c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if op.name != "JudgeSession, save" && w.records() == before {
				t.Error("the test is worthless: success changes nothing")
			}
		})
	}
}

// Each step of each operation fails once: no error is passed over or taken for
// a missing record, and nothing is kept of the steps before.
func TestFailureOfAnyStepSurfacesAndKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, op := range slices.Concat(changes(), reads()) {
		t.Run(op.name, func(t *testing.T) {
			w, c := inhabited(t)
			before := w.records()
			for step := 1; ; step++ {
				w.watch.failAt = step
				w.watch.failed.Store(false)
				err := op.run(t.Context(), w, c)
				if !w.watch.failed.Load() { // there are fewer steps
					if err != nil || step == 1 {
						t.Errorf("without a fault: %v, %d steps", err, step-1)
					}
					return
				}
				if !errors.Is(err, errStep) || errors.Is(err, authstore.ErrNotFound) || w.records() != before {
					t.Errorf("step %d: %v, stored %s", step, err, w.records())
				}
			}
		})
	}
}

func TestFailedReadSurfaces(t *testing.T) {
	fault := errors.New("disk on fire")
	for _, op := range reads() {
		t.Run(op.name, func(t *testing.T) {
			w, c := inhabited(t)
			w.faulty.FailView(fault)
			if err := op.run(t.Context(), w, c); !errors.Is(err, fault) || errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("got %v, want the fault", err)
			}
			if err := op.run(t.Context(), w, c); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestRecordThatCannotBeReadIsNotTakenForMissing(t *testing.T) {
	damaged := map[string]string{
		"Customer": "customers", "CustomerByIdentity": "identities", "Publisher": "publishers", "SiteOwner": "sites", "OfferOwner": "offers",
		"Consents": "consents", "ConsentHistory": "consent_log", "Session": "sessions", "CustomerSessions": "sessions",
		"Ticket": "tickets", "Capture": "captures", "EndedSessions": "ended", "Keys": "keys",
	}
	for _, op := range reads() {
		table, ok := damaged[op.name]
		if !ok {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			w, c := inhabited(t)
			w.put(t, table, "x", `"damaged"`)
			for _, r := range w.memory.Records() {
				if r.Table == table {
					w.put(t, table, r.Key, `"damaged"`)
				}
			}
			if err := op.run(t.Context(), w, c); err == nil || errors.Is(err, authstore.ErrNotFound) {
				t.Errorf("got %v, want an error of its own", err)
			}
		})
	}
}
