// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

var staffActs = []*Act{
	define(Act{Name: "staff.list", Method: "GET", Path: "staff", Needs: See, Summary: "List who works for the publisher"}, listStaff),
	define(Act{Name: "staff.invite", Method: "POST", Path: "staff/invite", Needs: Own, StepUp: true, Summary: "Make a link by which somebody joins the staff"}, inviteStaff),
	define(Act{Name: "staff.withdraw", Method: "POST", Path: "staff/withdraw", Needs: Own, Summary: "Withdraw an invitation"}, withdrawInvitation),
	define(Act{Name: "staff.changeRole", Method: "POST", Path: "staff/{staffId}/role", Needs: Own, StepUp: true, Summary: "Give a member of the staff another role"}, changeRole),
	define(Act{Name: "staff.remove", Method: "POST", Path: "staff/{staffId}/remove", Needs: Own, StepUp: true, Summary: "Take a member's role away"}, removeStaff),
	define(Act{Name: "staff.disable", Method: "POST", Path: "staff/{staffId}/disable", Needs: Own, StepUp: true, Summary: "Keep a member from signing in, and end all their sessions"}, disableStaff),
	define(Act{Name: "staff.enable", Method: "POST", Path: "staff/{staffId}/enable", Needs: Own, StepUp: true, Summary: "Let a disabled member sign in again"}, enableStaff),
	define(Act{Name: "staff.signOut", Method: "POST", Path: "staff/{staffId}/sign-out", Needs: Own, Summary: "End all sessions of a member of the staff"}, signOutStaff),
	define(Act{Name: "staff.resetSecondFactor", Method: "POST", Path: "staff/{staffId}/reset-second-factor", Needs: Own, StepUp: true, Summary: "Let a member who has lost their second factor set up another"}, resetSecondFactor),
}

// StaffRow is a member of the staff.
type StaffRow struct {
	ID           string         `json:"id"`
	Email        string         `json:"email"`
	Name         string         `json:"name"`
	Role         authstore.Role `json:"role"`
	SecondFactor bool           `json:"secondFactor"`
	Created      time.Time      `json:"created"`
	LastLogin    time.Time      `json:"lastLogin,omitzero"`
	Disabled     bool           `json:"disabled"`
	Sessions     int            `json:"sessions"`
	You          bool           `json:"you"`
}

// StaffList is who works for a publisher, and who is invited to.
type StaffList struct {
	Staff       []StaffRow `json:"staff"`
	Invitations []Invitee  `json:"invitations"`
}

// Invitee is somebody whose invitation is open.
type Invitee struct {
	Email   string         `json:"email"`
	Name    string         `json:"name"`
	Role    authstore.Role `json:"role"`
	Created time.Time      `json:"created"`
	Expires time.Time      `json:"expires"`
}

func listStaff(s *Service, ctx context.Context, c *call, _ None) (StaffList, error) {
	list := StaffList{Staff: []StaffRow{}, Invitations: []Invitee{}}
	all, err := s.Staff.List(ctx, c.publisher.ID)
	if err != nil {
		return list, fmt.Errorf("listing staff: %w", err)
	}
	for _, m := range all {
		sessions, err := s.Staff.Sessions(ctx, m.ID)
		if err != nil {
			return list, fmt.Errorf("listing sessions of staff: %w", err)
		}
		list.Staff = append(list.Staff, StaffRow{
			m.ID, m.Email, m.Name, m.Role, m.SecondFactor, m.Created, m.LastLogin, m.Disabled,
			len(sessions), c.actor.Staff != nil && c.actor.Staff.ID == m.ID,
		})
	}
	open, err := s.Staff.Invitations(ctx, c.publisher.ID)
	if err != nil {
		return list, fmt.Errorf("listing invitations: %w", err)
	}
	for _, i := range open {
		list.Invitations = append(list.Invitations, Invitee{i.Email, i.Name, i.Roles[c.publisher.ID], i.Created, i.Expires})
	}
	return list, nil
}

// InviteStaff is whom to invite.
type InviteStaff struct {
	Email string         `json:"email"`
	Name  string         `json:"name"`
	Role  authstore.Role `json:"role"`
}

// Invitation is the way in for somebody who was invited.
type Invitation struct {
	Link    string    `json:"link"` // good once; whoever has it can join
	Expires time.Time `json:"expires"`
}

// InvitePath is the page of the hub at which an invitation is accepted.
const InvitePath = "/admin/invite"

func inviteStaff(s *Service, ctx context.Context, c *call, in InviteStaff) (made Invitation, err error) {
	if err := staff.CheckRole(in.Role); err != nil {
		return made, invalid("role", "%s", err)
	}
	if _, err := customer.ParseEmail(in.Email); err != nil {
		return made, invalid("email", "is not an e-mail address")
	}
	by, _ := c.actor.name()
	return made, c.do(ctx, in.Email, detail{"role": string(in.Role)}, func() error {
		made, err = s.invite(ctx, by, in.Email, in.Name, map[int64]authstore.Role{c.publisher.ID: in.Role})
		if errors.Is(err, staff.ErrName) {
			return invalid("name", "is too long, or has characters that cannot be shown")
		}
		return err
	})
}

// Withdraw is whose invitation is withdrawn.
type Withdraw struct {
	Email string `json:"email"`
}

func withdrawInvitation(s *Service, ctx context.Context, c *call, in Withdraw) (None, error) {
	if _, err := customer.ParseEmail(in.Email); err != nil {
		return None{}, ErrNotFound
	}
	return None{}, c.do(ctx, in.Email, nil, func() error { return missing(s.Staff.Withdraw(ctx, c.publisher.ID, in.Email)) })
}

// invite makes a link. Errors: those of staff.Service.Invite.
func (s *Service) invite(ctx context.Context, by, email, name string, roles map[int64]authstore.Role) (Invitation, error) {
	given, err := s.Staff.Invite(ctx, by, email, strings.TrimSpace(name), roles)
	return Invitation{string(s.Hub) + InvitePath + "?token=" + url.QueryEscape(given.Secret), given.Expires}, err
}

// InviteByOperator makes a link by which somebody joins the staff of publishers, on
// the word of whoever runs the server. Errors: those of staff.Service.Invite.
func (s *Service) InviteByOperator(ctx context.Context, email, name string, roles map[int64]authstore.Role) (made Invitation, err error) {
	var entries []authstore.AuditEntry
	for id, role := range roles {
		e, err := s.Store.Audit(ctx, authstore.AuditEntry{
			PublisherID: id, Actor: authstore.ByCommandLine, ActorName: authstore.ByCommandLine, Act: "staff.invite", Target: email,
			Detail: detail{"role": string(role)},
		})
		if err != nil {
			return made, fmt.Errorf("writing the audit log: %w", err)
		}
		entries = append(entries, e)
	}
	made, err = s.invite(ctx, authstore.ByCommandLine, email, name, roles)
	for _, e := range entries {
		if err != nil {
			err = errors.Join(err, s.Store.AuditFailed(ctx, e, "refused"))
		}
	}
	return made, err
}

// member returns the member of the staff that a call is about.
func (c *call) member(ctx context.Context) (authstore.Staff, error) {
	m, err := c.service.Store.Staff(ctx, c.place.Param("staffId"))
	if errors.Is(err, authstore.ErrNotFound) || err == nil && m.Roles[c.publisher.ID] == "" {
		return m, ErrNotFound
	}
	if err != nil {
		return m, fmt.Errorf("reading a member of the staff: %w", err)
	}
	return m, nil
}

// onMember does something to the member that a call is about.
func (c *call) onMember(ctx context.Context, d detail, fn func(m authstore.Staff) error) (None, error) {
	m, err := c.member(ctx)
	if err != nil {
		return None{}, err
	}
	return None{}, c.do(ctx, m.ID, d, func() error {
		err := fn(m)
		switch {
		case errors.Is(err, authstore.ErrLastOwner):
			return invalid("role", "this is the last owner; make somebody else one first")
		case errors.Is(err, authstore.ErrNotOwner):
			return invalid("", "this member works for other publishers, too; only somebody who owns all of them may do this")
		}
		return missing(err)
	})
}

// ChangeRole is the role that a member gets.
type ChangeRole struct {
	Role authstore.Role `json:"role"`
}

func changeRole(s *Service, ctx context.Context, c *call, in ChangeRole) (None, error) {
	if err := staff.CheckRole(in.Role); err != nil {
		return None{}, invalid("role", "%s", err)
	}
	return c.onMember(ctx, detail{"role": string(in.Role)}, func(m authstore.Staff) error {
		return s.Staff.ChangeRole(ctx, c.publisher.ID, m.ID, in.Role)
	})
}

func removeStaff(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	return c.onMember(ctx, nil, func(m authstore.Staff) error { return s.Staff.Remove(ctx, c.publisher.ID, m.ID) })
}

func disableStaff(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	by, _ := c.actor.name()
	return c.onMember(ctx, nil, func(m authstore.Staff) error { return s.Staff.Disable(ctx, by, m.ID) })
}

func enableStaff(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	by, _ := c.actor.name()
	return c.onMember(ctx, nil, func(m authstore.Staff) error { return s.Staff.Enable(ctx, by, m.ID) })
}

func signOutStaff(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	return c.onMember(ctx, nil, func(m authstore.Staff) error {
		sessions, err := s.Staff.Sessions(ctx, m.ID)
		for _, x := range sessions {
			err = errors.Join(err, s.Staff.EndSession(ctx, m.ID, x.ID))
		}
		return err
	})
}

func resetSecondFactor(s *Service, ctx context.Context, c *call, _ None) (None, error) {
	by, _ := c.actor.name()
	return c.onMember(ctx, nil, func(m authstore.Staff) error { return s.Staff.ResetSecondFactor(ctx, by, m.ID) })
}
