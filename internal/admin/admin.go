// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package admin owns what can be done in the dashboard: each act once, with who
// may do it, what it takes and gives, and its entry in the audit log. Pages and
// the REST API are two ways to ask for the same acts. It refuses an act that
// names no publisher, an actor without the role, and one that cannot be logged.
package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/locale"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/staff"
)

var (
	// ErrForbidden says that the actor's role does not go so far, or that they have
	// none at the publisher, which is the same answer as for one that is not there.
	ErrForbidden = errors.New("your role does not allow this")

	// ErrStepUp says that the actor must prove again who they are.
	ErrStepUp = errors.New("this needs you to confirm who you are")

	// ErrOrigin says that a request which changes something was not sent by a page of
	// the hub's.
	ErrOrigin = errors.New("a request of a browser's must come from a page of the hub's")

	// ErrNotFound says that what the act is about is not there.
	ErrNotFound = errors.New("not found")

	// ErrDeclared says that the server's configuration file says it, and has the
	// last word.
	ErrDeclared = errors.New("this is set in the server's configuration file and can be changed only there")

	// ErrChanged says that somebody else changed it meanwhile.
	ErrChanged = errors.New("somebody else has changed this meanwhile; look at it again")
)

// InvalidError says what is wrong with a field of an act's input.
type InvalidError struct {
	Field    string // as it is called in the input; "" for the whole
	Sentence string // for people
}

func (e *InvalidError) Error() string {
	if e.Field == "" {
		return e.Sentence
	}
	return e.Field + ": " + e.Sentence
}

func invalid(field, format string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(format, args...)}
}

// Config is what the acts stand on.
type Config struct {
	Hub       publisher.Origin
	Store     *authstore.Store
	Directory *publisher.Directory
	Customers *customer.Service
	Sessions  *session.Manager
	Staff     *staff.Service
	Locale    *locale.Resolver
	Languages []string // those that pages can be shown in, as BCP 47 tags, the default first

	// CheckColor and CheckPicture judge what pages are to look like.
	CheckColor   func(color string) error
	CheckPicture func(content []byte) error

	// Declared returns what the configuration says of a publisher.
	Declared func(publisher int64) (authstore.Publisher, bool)

	// Refresh puts settings that were changed into force on this node at once.
	Refresh func(context.Context) error
}

// Service does the acts. Safe for concurrent use.
type Service struct{ Config }

// NewService returns a Service.
func NewService(c Config) *Service { return &Service{c} }

// Actor is who asks for an act: a member of staff who is signed in, or one of a
// publisher's own servers. The zero Actor may do nothing.
type Actor struct {
	Staff   *authstore.Staff
	Session *authstore.StaffSession // of the member

	Server int64 // the publisher whose token the server has shown; 0 for staff
	IP     string
}

// at returns the role of an actor at a publisher, or "".
func (a Actor) at(publisher int64) authstore.Role {
	if a.Staff == nil || a.Staff.Disabled {
		return ""
	}
	return a.Staff.Roles[publisher]
}

// may tells whether an actor has a permission at a publisher.
func (a Actor) may(p Permission, publisher int64) bool {
	if a.Staff == nil {
		return a.Server != 0 && a.Server == publisher && p != Own
	}
	return Allows(a.at(publisher), p)
}

// name returns what the audit log calls an actor.
func (a Actor) name() (id, name string) {
	if a.Staff == nil {
		return "server", "API token"
	}
	return a.Staff.ID, a.Staff.Email
}

// Permission is what a role may or may not.
type Permission string

// The permissions, from least to most.
const (
	See     Permission = "see"     // everything but secrets
	Support Permission = "support" // act on customers
	Edit    Permission = "edit"    // consents, profile questions, brand, exports of many
	Own     Permission = "own"     // staff, settings, tokens, what cannot be undone for all
)

// permissions are those of each role.
var permissions = map[authstore.Role][]Permission{
	authstore.RoleReadOnly: {See},
	authstore.RoleSupport:  {See, Support},
	authstore.RoleEditor:   {See, Edit},
	authstore.RoleOwner:    {See, Support, Edit, Own},
}

// Allows tells whether a role has a permission.
func Allows(role authstore.Role, p Permission) bool {
	for _, has := range permissions[role] {
		if has == p {
			return true
		}
	}
	return false
}

// Needed names the roles that have a permission, for a sentence.
func Needed(p Permission) []authstore.Role {
	var roles []authstore.Role
	for _, role := range []authstore.Role{authstore.RoleReadOnly, authstore.RoleSupport, authstore.RoleEditor, authstore.RoleOwner} {
		if Allows(role, p) {
			roles = append(roles, role)
		}
	}
	return roles
}

// PublisherInfo is what every page of a publisher's shows of it.
type PublisherInfo struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Sandbox bool           `json:"sandbox"`
	Role    authstore.Role `json:"role"` // of who asks; "" for a server
}

// Publishers returns the publishers at which an actor has a role, in the order of
// the configuration.
func (s *Service) Publishers(a Actor) []PublisherInfo {
	var list []PublisherInfo
	for _, p := range s.Directory.All() {
		if a.may(See, p.ID) {
			list = append(list, infoOf(p, a))
		}
	}
	return list
}

func infoOf(p authstore.Publisher, a Actor) PublisherInfo {
	return PublisherInfo{ID: fmt.Sprint(p.ID), Name: p.Name, Sandbox: p.Sandbox, Role: a.at(p.ID)}
}

// maxAudited bounds how long a value in the audit log may be.
const maxAudited = 200

// logTime bounds how long noting a failure may take after its request has ended.
const logTime = 5 * time.Second
