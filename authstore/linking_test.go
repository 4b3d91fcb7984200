// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
)

const (
	elsewhere                   = "https://id.example"
	forJoin   authstore.Purpose = "join"
)

func identity(subject string) authstore.Identity {
	return authstore.Identity{PublisherID: 100_000_001, Provider: elsewhere, Subject: subject}
}

func (w *world) mustIssueJoin(t *testing.T, digest string) authstore.TicketUse {
	t.Helper()
	if err := w.IssueTicket(t.Context(), digest, authstore.Ticket{Purpose: forJoin, PublisherID: 100_000_001, Expires: w.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	return authstore.TicketUse{Digest: digest, Purpose: forJoin}
}

func (w *world) mustLink(t *testing.T, c authstore.Customer, subject string) {
	t.Helper()
	if _, _, err := w.Link(t.Context(), authstore.Linking{Customer: c.ID, Identity: identity(subject)}); err != nil {
		t.Fatal(err)
	}
}

// subjects tells by which identities a customer signs in.
func (w *world) subjects(t *testing.T, c authstore.Customer) string {
	t.Helper()
	all, err := w.Identities(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, i := range all {
		list = append(list, i.Subject+map[bool]string{true: "+password"}[i.Password != ""])
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestRegistrationWithSeveralIdentitiesUsesItsTicketUp(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		use := w.mustIssueJoin(t, "join")
		r := registration("ann@example.com")
		r.Identity.Password, r.Further, r.Uses = "", []authstore.Identity{identity("7")}, use
		r.Customer.ExternalID = "ext"
		r.Capture = authstore.CaptureAnswers{Values: map[string]string{"city": "Graz"}}
		c, err := w.Register(t.Context(), r)
		if err != nil || w.subjects(t, c) != "7 ann@example.com" {
			t.Fatalf("%+v, %v", c, err)
		}
		if got, _, err := w.CustomerByIdentity(t.Context(), c.PublisherID, elsewhere, "7"); err != nil || got.ID != c.ID {
			t.Errorf("by identity %d, %v", got.ID, err)
		}
		if got, err := w.CustomerByExternalID(t.Context(), c.PublisherID, "ext"); err != nil || got.ID != c.ID {
			t.Errorf("by external id %d, %v", got.ID, err)
		}
		if _, err := w.CustomerByExternalID(t.Context(), 100_000_002, "ext"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("at another publisher: %v", err)
		}
		if a, err := w.Capture(t.Context(), c.ID); err != nil || a.Values["city"] != "Graz" || !a.Submitted.IsZero() {
			t.Errorf("answers %+v, %v", a, err)
		}
		again := registration("bob@example.com")
		again.Uses = use
		if _, err := w.Register(t.Context(), again); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("the same ticket: %v", err)
		}
		taken := registration("bob@example.com")
		taken.Further = []authstore.Identity{identity("7")}
		if _, err := w.Register(t.Context(), taken); !errors.Is(err, authstore.ErrTaken) {
			t.Errorf("the same identity: %v", err)
		}
		if _, _, err := w.CustomerByIdentity(t.Context(), c.PublisherID, authstore.ProviderPassword, "bob@example.com"); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("something is left of what was refused: %v", err)
		}
	})
}

func TestOneOfManyRegistrationsByATicketWins(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		use := w.mustIssueJoin(t, "join")
		errs := parallel(20, func(i int) error {
			r := registration(fmt.Sprintf("c%d@example.com", i))
			r.Uses = use
			_, err := w.Register(t.Context(), r)
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrNotFound) != 19 {
			t.Errorf("errors %v, want one success", errs)
		}
	})
}

func TestIdentityIsLinkedToOneOfManyCustomers(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		var all []authstore.Customer
		for i := range 20 {
			all = append(all, w.mustRegister(t, fmt.Sprintf("c%d@example.com", i)))
		}
		errs := parallel(20, func(i int) error {
			_, _, err := w.Link(t.Context(), authstore.Linking{Customer: all[i].ID, Identity: identity("7")})
			return err
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrTaken) != 19 {
			t.Errorf("errors %v, want one success", errs)
		}
	})
}

func TestLinkIsRefusedWhole(t *testing.T) {
	w := newWorld(t)
	ann, bob, off := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com"), w.mustRegister(t, "off@example.com")
	if _, err := w.DisableCustomer(t.Context(), off.ID, endedFor); err != nil {
		t.Fatal(err)
	}
	w.mustLink(t, bob, "bob")
	use := w.mustIssueJoin(t, "join")
	session := w.newSession(ann, "new")
	good := authstore.Linking{
		Customer: ann.ID, Identity: identity("7"), Uses: use, Session: &authstore.SessionStart{Session: session},
		Proofs: []authstore.Identity{{PublisherID: 100_000_001, Provider: authstore.ProviderPassword, Subject: "ann@example.com", Password: "hash of ann@example.com"}},
	}
	before := w.records()
	for name, tt := range map[string]struct {
		change func(l *authstore.Linking)
		want   error
	}{
		"an identity of another":   {func(l *authstore.Linking) { l.Identity = identity("bob") }, authstore.ErrTaken},
		"another password":         {func(l *authstore.Linking) { l.Proofs[0].Password = "x" }, authstore.ErrNotFound},
		"another's proof":          {func(l *authstore.Linking) { l.Customer = bob.ID }, authstore.ErrNotFound},
		"an address of another":    {func(l *authstore.Linking) { l.Address = "bob@example.com" }, authstore.ErrNotFound},
		"an address of nobody":     {func(l *authstore.Linking) { l.Address = "new@example.com" }, authstore.ErrNotFound},
		"no such ticket":           {func(l *authstore.Linking) { l.Uses.Digest = "x" }, authstore.ErrNotFound},
		"a ticket for something":   {func(l *authstore.Linking) { l.Uses.Purpose = forReset }, authstore.ErrNotFound},
		"a customer who is off":    {func(l *authstore.Linking) { l.Customer, l.Proofs = off.ID, nil }, authstore.ErrNotFound},
		"a customer who is not":    {func(l *authstore.Linking) { l.Customer, l.Proofs = 1, nil }, authstore.ErrNotFound},
		"a ticket that is expired": {func(l *authstore.Linking) { l.Uses.Digest = "expired" }, authstore.ErrNotFound},
	} {
		l := good
		l.Proofs = slices.Clone(good.Proofs)
		tt.change(&l)
		if _, _, err := w.Link(t.Context(), l); !errors.Is(err, tt.want) || w.records() != before {
			t.Errorf("%s: %v, want %v and nothing stored", name, err, tt.want)
		}
	}
	if _, _, err := w.Link(t.Context(), good); err != nil || w.subjects(t, ann) != "7 ann@example.com+password" {
		t.Errorf("%v, ways %s", err, w.subjects(t, ann))
	}
	w.wantSession(t, "new", true)
}

func TestUnverifiedAccountIsStrippedAndAVerifiedOneIsNot(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		for _, verified := range []bool{false, true} {
			name := map[bool]string{true: "yes", false: "no"}[verified]
			c := w.mustRegister(t, name+"@example.com")
			w.mustLink(t, c, "before "+name)
			w.mustStart(t, c, "s "+name)
			w.mustIssueAt(t, "undo "+name, w.mailed(c, forUndo, "old@example.com"))
			w.mustQueue(t, authstore.Mail{ID: "waiting", CustomerID: c.ID})
			if verified {
				if _, err := w.MarkEmailVerified(t.Context(), c.ID, c.Email); err != nil {
					t.Fatal(err)
				}
			}
			l := authstore.Linking{Customer: c.ID, Identity: identity("new " + name), Address: c.Email, Strip: true, EndedFor: endedFor, Session: &authstore.SessionStart{Session: w.newSession(c, "new "+name)}}
			got, ids, err := w.Link(t.Context(), l)
			want, ended := "before yes new yes yes@example.com+password", "[]"
			if !verified {
				want, ended = "new no no@example.com", "[s no]"
			}
			if err != nil || got.EmailVerified.IsZero() || w.subjects(t, c) != want || fmt.Sprint(ids) != ended {
				t.Errorf("%s: %+v, ended %v, %v, ways %s", name, got, ids, err, w.subjects(t, c))
			}
			w.wantSession(t, "s "+name, verified)
			w.wantSession(t, "new "+name, true)
			if _, err := w.Ticket(t.Context(), "undo "+name, forUndo); (err == nil) != verified {
				t.Errorf("%s: the ticket: %v", name, err)
			}
			if mails, err := w.ClaimMails(t.Context(), 5, lease); err != nil || (len(mails) > 0) != verified {
				t.Errorf("%s: mails that wait: %v, %v", name, mails, err)
			}
		}
	})
}

// Whoever made an account with somebody's address must not keep a way into it.
func TestResetOfAnUnverifiedAccountAndUndoLeaveTheAddressAlone(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		c := w.mustRegister(t, "ann@example.com")
		w.mustLink(t, c, "7")
		w.mustIssueReset(t, c, "r1")
		if _, _, err := w.ResetPassword(t.Context(), reset(c, "r1")); err != nil || w.subjects(t, c) != "ann@example.com+password" {
			t.Errorf("%v, ways %s", err, w.subjects(t, c))
		}
		w.mustLink(t, c, "8")
		w.mustIssueReset(t, c, "r2")
		if _, _, err := w.ResetPassword(t.Context(), reset(c, "r2")); err != nil || w.subjects(t, c) != "8 ann@example.com+password" {
			t.Errorf("verified by now: %v, ways %s", err, w.subjects(t, c))
		}
		if _, err := w.ChangeEmail(t.Context(), authstore.EmailChange{Customer: c.ID, Address: "new@example.com", From: "ann@example.com", To: "new@example.com"}); err != nil {
			t.Fatal(err)
		}
		w.mustIssueAt(t, "undo", w.mailed(c, forUndo, "ann@example.com"))
		u := w.undo(c)
		u.Digest = "undo"
		if _, _, err := w.UndoEmailChange(t.Context(), u); err != nil || w.subjects(t, c) != "ann@example.com+password" {
			t.Errorf("undone: %v, ways %s", err, w.subjects(t, c))
		}
	})
}

func usable(i authstore.Identity) bool { return i.Provider == elsewhere || i.Password != "" }

func TestLastWayInIsNotRemoved(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		r := registration("ann@example.com")
		r.Identity.Password, r.Further = "", []authstore.Identity{identity("7"), identity("8"), {Provider: "https://gone.example", Subject: "1"}}
		c, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		w.mustStart(t, c, "kept")
		w.mustStart(t, c, "other")
		unlink := func(provider, subject string) ([]string, error) {
			return w.Unlink(t.Context(), authstore.Unlinking{Customer: c.ID, Provider: provider, Subject: subject, Usable: usable, Keep: "kept", EndedFor: endedFor})
		}
		for _, tt := range []struct {
			provider, subject string
			want              error
		}{
			{elsewhere, "9", authstore.ErrNotFound},
			{authstore.ProviderPassword, "ann@example.com", authstore.ErrNotFound},
			{elsewhere, "7", nil},
			{elsewhere, "8", authstore.ErrLastIdentity},
			{"https://gone.example", "1", nil}, // which is no way in any more
			{elsewhere, "8", authstore.ErrLastIdentity},
		} {
			if _, err := unlink(tt.provider, tt.subject); !errors.Is(err, tt.want) {
				t.Errorf("%s %s: %v, want %v", tt.provider, tt.subject, err, tt.want)
			}
		}
		w.wantSession(t, "kept", true)
		w.wantSession(t, "other", false)
		if got := w.subjects(t, c); got != "8 ann@example.com" {
			t.Errorf("ways %s", got)
		}
	})
}

func TestOneOfTwoWaysIsLeftHoweverManyAreRemovedAtOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		r := registration("ann@example.com")
		r.Identity.Password = ""
		for i := range 10 {
			r.Further = append(r.Further, identity(fmt.Sprint(i)))
		}
		c, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		errs := parallel(10, func(i int) error {
			_, err := w.Unlink(t.Context(), authstore.Unlinking{Customer: c.ID, Provider: elsewhere, Subject: fmt.Sprint(i), Usable: usable})
			return err
		})
		if count(errs, nil) != 9 || count(errs, authstore.ErrLastIdentity) != 1 {
			t.Errorf("errors %v, want one that is left", errs)
		}
	})
}

func deletion(w *world, digest string, identities ...authstore.Identity) authstore.IdentityDeletion {
	return authstore.IdentityDeletion{
		Identities: identities, Until: w.Now(), Usable: usable, Digest: digest, EndedFor: endedFor, Kills: []authstore.Purpose{forReset},
		Ticket: func(erased, kept int) authstore.Ticket {
			return authstore.Ticket{Purpose: forJoin, Expires: w.Now().Add(time.Hour), Data: map[string]string{"erased": fmt.Sprint(erased), "kept": fmt.Sprint(kept)}}
		},
	}
}

func TestDeletionErasesThoseWithoutAnotherWayAndIsDoneOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		has := w.mustRegister(t, "has@example.com")
		w.mustLink(t, has, "7")
		w.mustStart(t, has, "has")
		r := registration("only@example.com")
		r.Identity.Password, r.Further = "", []authstore.Identity{identity("8")}
		only, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		w.mustStart(t, only, "only")
		w.clock.Add(time.Second)
		d := deletion(w, "d1", identity("7"), identity("8"), identity("9"))
		w.clock.Add(time.Second)
		later := w.mustRegister(t, "later@example.com")
		w.mustLink(t, later, "9")
		ids, err := w.DeleteIdentities(t.Context(), d)
		slices.Sort(ids)
		if err != nil || fmt.Sprint(ids) != "[has only]" {
			t.Fatalf("ended %v, %v", ids, err)
		}
		if kept, err := w.Ticket(t.Context(), "d1", forJoin); err != nil || kept.Data["erased"] != "1" || kept.Data["kept"] != "1" {
			t.Errorf("kept %+v, %v", kept, err)
		}
		if c, err := w.Customer(t.Context(), only.ID); err != nil || c.Erased.IsZero() || c.Email != "" {
			t.Errorf("not erased: %+v, %v", c, err)
		}
		if got := w.subjects(t, has) + ", " + w.subjects(t, later); got != "has@example.com+password, 9 later@example.com+password" {
			t.Errorf("ways %s", got)
		}
		w.mustLink(t, has, "7")
		if _, err := w.DeleteIdentities(t.Context(), d); !errors.Is(err, authstore.ErrUsed) || w.subjects(t, has) != "7 has@example.com+password" {
			t.Errorf("again: %v, ways %s", err, w.subjects(t, has))
		}
	})
}

func TestDeletionForgetsWhatTheProviderToldAndNotWhatTheCustomerWrote(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		r := registration("ann@example.com")
		told := identity("7")
		told.Told = map[string]string{"firstName": "Ann", "lastName": "Ahl", "company": "Nova", "city": "Oslo"}
		r.Customer.FirstName, r.Customer.LastName = "Ann", "Ahl"
		r.Further = []authstore.Identity{told}
		r.Capture = authstore.CaptureAnswers{
			Values: map[string]string{"company": "Nova", "city": "Oslo"}, Buckets: map[string]string{"company": "given", "city": "given", "firstName": "given"},
		}
		c, err := w.Register(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		err = w.ChangeCapture(t.Context(), c.ID, func(c *authstore.Customer, a *authstore.CaptureAnswers) error {
			c.LastName, a.Values["city"], a.Values["phone"] = "Berg", "Rome", "+47 1"
			a.Buckets = map[string]string{"company": "given", "city": "given", "firstName": "given", "phone": "given"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.DeleteIdentities(t.Context(), deletion(w, "d1", identity("7"))); err != nil {
			t.Fatal(err)
		}
		st, err := w.Standing(t.Context(), c.ID)
		if err != nil || st.Customer.FirstName != "" || st.Customer.LastName != "Berg" || fmt.Sprint(st.Capture.Values) != "map[city:Rome phone:+47 1]" {
			t.Errorf("%+v, %+v, %v", st.Customer, st.Capture.Values, err)
		}
		tallies, err := w.AnswerTallies(t.Context(), c.PublisherID)
		if err != nil || fmt.Sprint(tallies) != "[{city given 1} {phone given 1}]" {
			t.Errorf("counted %v, %v", tallies, err)
		}
	})
}

func TestTicketOfADigestIsIssuedOnce(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		errs := parallel(20, func(int) error {
			return w.IssueTicketOnce(t.Context(), "d1", authstore.Ticket{Purpose: forJoin, Expires: w.Now().Add(time.Hour)})
		})
		if count(errs, nil) != 1 || count(errs, authstore.ErrUsed) != 19 {
			t.Errorf("errors %v, want one success", errs)
		}
	})
}

func TestTicketThatWasUsedIsNotChangedBackToLife(t *testing.T) {
	w := newWorld(t)
	use := w.mustIssueJoin(t, "join")
	change := func() error {
		return w.ChangeTicket(t.Context(), "join", forJoin, func(t *authstore.Ticket) error {
			t.Data = map[string]string{"x": "y"}
			return nil
		}, authstore.Mail{ID: "told", To: "new@example.com"})
	}
	if err := change(); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Ticket(t.Context(), "join", forJoin); err != nil || got.Data["x"] != "y" {
		t.Errorf("%+v, %v", got, err)
	}
	if mails, err := w.ClaimMails(t.Context(), 5, lease); err != nil || len(mails) != 1 {
		t.Errorf("mails %v, %v", mails, err)
	}
	r := registration("ann@example.com")
	r.Uses = use
	if _, err := w.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	before := w.records()
	if err := change(); !errors.Is(err, authstore.ErrNotFound) || w.records() != before {
		t.Errorf("changed after its use: %v", err)
	}
}

func TestSessionStartedByATicketNeedsTheOneThatItCameFrom(t *testing.T) {
	onBackends(t, func(t *testing.T, w *world) {
		ann, bob := w.mustRegister(t, "ann@example.com"), w.mustRegister(t, "bob@example.com")
		w.mustStart(t, ann, "from")
		issue := func(digest, session string) authstore.TicketUse {
			err := w.IssueTicket(t.Context(), digest, authstore.Ticket{Purpose: forJoin, CustomerID: ann.ID, SessionID: session, Expires: w.Now().Add(time.Minute)})
			if err != nil {
				t.Fatal(err)
			}
			return authstore.TicketUse{Digest: digest, Purpose: forJoin}
		}
		start := func(c authstore.Customer, id string, use authstore.TicketUse) error {
			return w.StartSession(t.Context(), authstore.SessionStart{Session: w.newSession(c, id), Uses: use})
		}
		use, other := issue("d1", "from"), issue("d2", "from")
		if err := start(bob, "bob", use); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("another's: %v", err)
		}
		if err := start(ann, "new", use); err != nil {
			t.Error(err)
		}
		if err := start(ann, "again", use); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("a second time: %v", err)
		}
		w.mustEnd(t, "from")
		if err := start(ann, "late", other); !errors.Is(err, authstore.ErrNotFound) {
			t.Errorf("after the end of the session: %v", err)
		}
	})
}
