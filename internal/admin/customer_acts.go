// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
)

var customerActs = []*Act{
	define(Act{Name: "customer.list", Method: "GET", Path: "customers", Needs: See, Summary: "List and search customers"}, listCustomers),
	define(Act{Name: "customer.get", Method: "GET", Path: "customers/{customerId}", Needs: See, Summary: "Show everything there is of a customer"}, getCustomer),
	define(Act{Name: "customer.sendReset", Method: "POST", Path: "customers/{customerId}/send-reset", Needs: Support, Summary: "Mail a customer the way to a new password"}, sendReset),
	define(Act{Name: "customer.sendVerification", Method: "POST", Path: "customers/{customerId}/send-verification", Needs: Support, Summary: "Ask a customer by mail to verify their address"}, sendVerification),
	define(Act{Name: "customer.verify", Method: "POST", Path: "customers/{customerId}/verify", Needs: Support, Summary: "Note that a customer reads mail at their address"}, verifyCustomer),
	define(Act{Name: "customer.disable", Method: "POST", Path: "customers/{customerId}/disable", Needs: Support, Summary: "Keep a customer from signing in, and end all their sessions"}, disableCustomer),
	define(Act{Name: "customer.enable", Method: "POST", Path: "customers/{customerId}/enable", Needs: Support, Summary: "Let a disabled customer sign in again"}, enableCustomer),
	define(Act{Name: "customer.signOut", Method: "POST", Path: "customers/{customerId}/sign-out", Needs: Support, Summary: "End all sessions of a customer, or one"}, signOutCustomer),
	define(Act{Name: "customer.changeEmail", Method: "POST", Path: "customers/{customerId}/change-email", Needs: Support, StepUp: true, Summary: "Give a customer another address, and end all their sessions"}, changeEmail),
	define(Act{Name: "customer.export", Method: "POST", Path: "customers/{customerId}/export", Exports: "application/json", Needs: Support, Summary: "Export everything that is kept of a customer"}, exportCustomer),
	define(Act{Name: "customer.erase", Method: "POST", Path: "customers/{customerId}/erase", Needs: Support, StepUp: true, Summary: "Anonymize a customer for good"}, eraseCustomer),
}

// on does something to the customer of a call.
func (c *call) on(found authstore.Customer, ctx context.Context, d detail, fn func() error) (None, error) {
	return None{}, c.do(ctx, strconv.FormatInt(found.ID, 10), d, func() error { return missing(fn()) })
}

// missing turns what the store says of a record that is gone into what acts say.
func missing(err error) error {
	if errors.Is(err, authstore.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

func sendReset(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	if found.Disabled {
		return None{}, invalid("", "the account is disabled, so a new password would be of no use; enable it first")
	}
	return c.on(found, ctx, nil, func() error { return s.Customers.SendReset(ctx, found) })
}

func sendVerification(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	found, err := c.unverified(ctx)
	if err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error { return s.Customers.StartVerification(ctx, found, "") })
}

func verifyCustomer(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	found, err := c.unverified(ctx)
	if err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error {
		_, err := s.Store.MarkEmailVerified(ctx, found.ID, found.Email)
		return err
	})
}

// unverified returns the customer of a call, whose address is not verified.
func (c *call) unverified(ctx context.Context) (authstore.Customer, error) {
	found, err := c.liveCustomer(ctx)
	if err == nil && !found.EmailVerified.IsZero() {
		return found, invalid("", "the address is verified already")
	}
	return found, err
}

func disableCustomer(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error { return s.Sessions.EndByDisabling(ctx, found.ID) })
}

func enableCustomer(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error {
		_, err := s.Store.ChangeCustomer(ctx, found.ID, func(c *authstore.Customer) error {
			c.Disabled = false
			return nil
		})
		return err
	})
}

// SignOut is which sessions of a customer end.
type SignOut struct {
	Session string `json:"session"` // its id; "" for all
}

func signOutCustomer(s *Service, ctx context.Context, c *call, in SignOut) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	if in.Session == "" {
		return c.on(found, ctx, detail{"sessions": "all"}, func() error { return s.Sessions.EndAll(ctx, found.ID, "") })
	}
	if _, err := s.Store.OwnSession(ctx, found.ID, in.Session); err != nil {
		return None{}, missing(err)
	}
	return c.on(found, ctx, detail{"sessions": in.Session}, func() error { return s.Customers.EndSession(ctx, found.ID, in.Session) })
}

// ChangeEmail is the address that a customer gets.
type ChangeEmail struct {
	Email string `json:"email"`
}

func changeEmail(s *Service, ctx context.Context, c *call, in ChangeEmail) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error {
		_, err := s.Customers.MoveEmail(ctx, found, in.Email)
		switch {
		case errors.Is(err, customer.ErrEmail):
			return invalid("email", "is not an e-mail address")
		case errors.Is(err, customer.ErrEmailTaken):
			return invalid("email", "is the address of another customer")
		case err != nil:
			return err
		}
		return s.Sessions.EndAll(ctx, found.ID, "") // whoever was signed in may not be who has the address
	})
}

func exportCustomer(s *Service, ctx context.Context, c *call, _ None) (Download, error) {
	found, err := c.customer(ctx)
	if err != nil {
		return Download{}, err
	}
	id := strconv.FormatInt(found.ID, 10)
	d := Download{Name: "customer-" + id + ".json"}
	return d, c.do(ctx, id, nil, func() error {
		x, err := s.Customers.Export(ctx, c.publisher, found.ID)
		d.Write = func(_ context.Context, w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(x)
		}
		return missing(err)
	})
}

// Confirmation repeats the id of what an act would do away with.
type Confirmation struct {
	Confirm string `json:"confirm"`
}

// confirmed tells whether the actor has written the id of what is to go.
func (in Confirmation) confirmed(id string) error {
	if in.Confirm != id {
		return invalid("confirm", "write %s to confirm; nothing was done", id)
	}
	return nil
}

func eraseCustomer(s *Service, ctx context.Context, c *call, in Confirmation) (None, error) {
	found, err := c.liveCustomer(ctx)
	if err != nil {
		return None{}, err
	}
	if err := in.confirmed(strconv.FormatInt(found.ID, 10)); err != nil {
		return None{}, err
	}
	return c.on(found, ctx, nil, func() error { return s.Customers.Erase(ctx, found.ID) })
}

// newest returns the sessions that were used last, in that order.
func newest(sessions []authstore.Session) []authstore.Session {
	slices.SortFunc(sessions, func(a, b authstore.Session) int { return b.Seen.Compare(a.Seen) })
	return sessions[:min(len(sessions), maxSessions)]
}

// sitesOf returns the sites at which a session is.
func sitesOf(x authstore.Session) []string {
	sites := slices.Sorted(maps.Keys(x.Sites))
	if sites == nil {
		return []string{}
	}
	return sites
}
