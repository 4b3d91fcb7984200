// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package authstore_test

import (
	"context"

	"github.com/usher-sso/usher/authstore"
)

func linkChanges() []operation {
	use := authstore.TicketUse{Digest: "join", Purpose: forJoin}
	told := []authstore.Mail{{ID: "told", Kind: "told"}}
	return []operation{
		{"Register with a ticket", func(ctx context.Context, w *world, _ authstore.Customer) error {
			r := registration("new@example.com")
			r.Further, r.Uses, r.Capture = []authstore.Identity{identity("new")}, use, authstore.CaptureAnswers{Values: map[string]string{"x": "y"}}
			_, err := w.Register(ctx, r)
			return err
		}},
		{"Link", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, _, err := w.Link(ctx, authstore.Linking{
				Customer: c.ID, Identity: identity("new"), Uses: use, Address: "ann@example.com", Strip: true, Tell: told, EndedFor: endedFor,
				Session: &authstore.SessionStart{Session: w.newSession(c, "new"), Replaces: "s1"},
			})
			return err
		}},
		{"Unlink", func(ctx context.Context, w *world, c authstore.Customer) error {
			_, err := w.Unlink(ctx, authstore.Unlinking{Customer: c.ID, Provider: elsewhere, Subject: "known", Usable: usable, Tell: told, EndedFor: endedFor})
			return err
		}},
		{"DeleteIdentities, of one who goes on", func(ctx context.Context, w *world, _ authstore.Customer) error {
			d := deletion(w, "done", identity("known"))
			d.Tell = told
			_, err := w.DeleteIdentities(ctx, d)
			return err
		}},
		{"DeleteIdentities, of one who does not", func(ctx context.Context, w *world, _ authstore.Customer) error {
			d := deletion(w, "done", identity("known"))
			d.Usable = func(authstore.Identity) bool { return false }
			_, err := w.DeleteIdentities(ctx, d)
			return err
		}},
		{"IssueTicketOnce", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.IssueTicketOnce(ctx, "once", authstore.Ticket{Purpose: forJoin})
		}},
		{"ChangeTicket", func(ctx context.Context, w *world, _ authstore.Customer) error {
			return w.ChangeTicket(ctx, "join", forJoin, func(t *authstore.Ticket) error {
				t.Code = "code"
				return nil
			}, told...)
		}},
	}
}
