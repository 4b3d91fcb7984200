// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// Stage is how far in somebody is, in the words for them.
type Stage string

// The stages, from the door on.
const (
	Anybody  Stage = "anybody"
	Halfway  Stage = "whoever has given the password and not the code"
	SignedIn Stage = "whoever is signed in, also an owner without a second factor"
	Member   Stage = "whoever is signed in"
)

// OwnAct is one thing that members of staff do with their own accounts, or to get to
// them. Its path is below the dashboard, it needs no role, and a server cannot do it.
type OwnAct struct {
	Act
	From Stage // of who may do it

	do func(ctx context.Context, c *ownCall, in any) (any, error)
}

func defineOwn[In, Out any](from Stage, a Act, fn func(ctx context.Context, c *ownCall, in In) (Out, error)) *OwnAct {
	a.in, a.out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	return &OwnAct{a, from, func(ctx context.Context, c *ownCall, in any) (any, error) { return fn(ctx, c, in.(In)) }}
}

// ownActs are all of them. Forms of the way in and of the account are sent to the
// same paths as these have in the API.
var ownActs = []*OwnAct{
	defineOwn(Anybody, Act{Name: OwnSignIn, Method: "POST", Path: "sign-in", Summary: "Sign in with an address and a password"}, signIn),
	defineOwn(Halfway, Act{Name: OwnComplete, Method: "POST", Path: "second-factor", Summary: "Complete a sign-in by a code"}, completeSignIn),
	defineOwn(Anybody, Act{Name: OwnJoin, Method: "POST", Path: "invite", Summary: "Accept an invitation, and sign in"}, join),
	defineOwn(Anybody, Act{Name: OwnSignOut, Method: "POST", Path: "sign-out", Summary: "End the session, if there is one"}, signOut),
	defineOwn(SignedIn, Act{Name: OwnConfirm, Method: "POST", Path: "confirm", Summary: "Prove again who one is, for ten minutes"}, confirm),
	defineOwn(SignedIn, Act{Name: OwnNewFactor, Method: "GET", Path: "second-factor/new", StepUp: true, Summary: "Begin to set up a second factor"}, newSecondFactor),
	defineOwn(SignedIn, Act{Name: OwnSecondFactor, Method: "POST", Path: "second-factor/new", StepUp: true, Summary: "Set up the second factor by its first code, and end all other sessions"}, setSecondFactor),
	defineOwn(Member, Act{Name: OwnAccount, Method: "GET", Path: "account", Summary: "Show the own account and its sessions"}, showAccount),
	defineOwn(Member, Act{Name: OwnPassword, Method: "POST", Path: "account/password", Summary: "Change the own password, and end all other sessions"}, changePassword),
	defineOwn(Member, Act{Name: OwnEndSession, Method: "POST", Path: "account/sessions/end", Summary: "End one of the own sessions"}, endSession),
	defineOwn(Member, Act{Name: OwnEndOthers, Method: "POST", Path: "account/sessions/others", Summary: "End all own sessions but this one"}, endOthers),
}

// OwnActs returns what members do with their own accounts.
func OwnActs() []*OwnAct { return ownActs }

// OwnActNamed returns the one with a name, or nil.
func OwnActNamed(name string) *OwnAct {
	for _, a := range ownActs {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// ownCall is one such act under way.
type ownCall struct {
	*Service
	w       http.ResponseWriter // for cookies
	device  staff.Device
	member  authstore.Staff // the zero values are nobody's
	session authstore.StaffSession
}

// DoOwn does what a member of staff asks for the own account, by the session that the
// browser holds, and gives the browser the session that follows. What the act takes is
// read when it is clear that its sender may do it; read may be nil for an act that
// takes nothing. Errors: ErrUnauthenticated, ErrForbidden for a server, ErrOrigin,
// ErrStepUp, ErrNotFound, *InvalidError, *customer.LimitError, customer.ErrBusy, those of
// customer.CheckPassword; staff.ErrCredentials, ErrCode, ErrConfirmation, ErrInvitation
// and ErrRefused.
func (s *Service) DoOwn(w http.ResponseWriter, r *http.Request, act *OwnAct, read func() ([]byte, error)) (any, error) {
	c, err := s.beginOwn(w, r, act)
	if err != nil {
		return nil, err
	}
	var input []byte
	if read != nil {
		if input, err = read(); err != nil {
			return nil, err
		}
	}
	in := reflect.New(act.in)
	if err := decode(input, in.Interface()); err != nil {
		return nil, err
	}
	out, err := act.do(r.Context(), c, in.Elem().Interface())
	if errors.Is(err, staff.ErrStepUp) { // the time has run out meanwhile
		err = errors.Join(ErrStepUp, err)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// beginOwn judges whether the sender of a request may do an act.
func (s *Service) beginOwn(w http.ResponseWriter, r *http.Request, act *OwnAct) (*ownCall, error) {
	if r.Header.Get(PublisherToken) != "" {
		return nil, ErrForbidden
	}
	if !act.Reads() && !s.SameOrigin(r) {
		return nil, ErrOrigin
	}
	c := &ownCall{Service: s, w: w, device: s.Device(r)}
	m, session, err := s.Staff.Authenticate(r.Context(), c.device.Before)
	if err != nil && !errors.Is(err, staff.ErrRefused) {
		return nil, err
	}
	c.member, c.session = m, session
	lacks := staff.NeedsSecondFactor(m)
	switch {
	case act.From == Halfway && session.Complete:
		return nil, ErrNotFound
	case act.From != Anybody && session.ID == "", (act.From == SignedIn || act.From == Member) && !session.Complete, act.From == Member && lacks:
		return nil, ErrUnauthenticated
	case act.StepUp && !s.Staff.SteppedUp(session):
		return nil, ErrStepUp
	}
	return c, nil
}

// Entered is how far a sign-in has led.
type Entered struct {
	Next string `json:"next"` // the act that must follow before anything else can be done; "" for none
}

// enter lets somebody in as far as their session goes.
func (c *ownCall) enter(e staff.Entry, err error) (Entered, error) {
	if err != nil {
		return Entered{}, err
	}
	c.Remember(c.w, e.Proof)
	c.RememberKnown(c.w, e.Known)
	switch {
	case !e.Session.Complete:
		return Entered{OwnComplete}, nil
	case staff.NeedsSecondFactor(e.Staff):
		return Entered{OwnNewFactor}, nil
	}
	return Entered{}, nil
}

// SignIn is who somebody says to be.
type SignIn struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

func signIn(ctx context.Context, c *ownCall, in SignIn) (Entered, error) {
	e, err := c.signIn(ctx, in.Email, in.Password, c.device)
	if errors.Is(err, customer.ErrEmail) {
		err = staff.ErrCredentials // nobody has it
	}
	return c.enter(e, err)
}

// Code is one of the second factor, or a recovery code.
type Code struct {
	Code string `json:"code"`
}

func completeSignIn(ctx context.Context, c *ownCall, in Code) (Entered, error) {
	return c.enter(c.completeSignIn(ctx, c.member, c.session, in.Code, c.device))
}

// Join is an invitation that is accepted.
type Join struct {
	Token    string `json:"token"`    // of the link
	Password string `json:"password"` // that of the account there is, or of the new one
}

func join(ctx context.Context, c *ownCall, in Join) (Entered, error) {
	return c.enter(c.accept(ctx, in.Token, in.Password, c.device))
}

func signOut(ctx context.Context, c *ownCall, _ None) (None, error) {
	if c.session.ID != "" {
		err := c.own(ctx, OwnSignOut, func() error { return c.Staff.SignOut(ctx, c.session) })
		if err != nil {
			return None{}, err
		}
	}
	c.Remember(c.w, "")
	return None{}, nil
}

// Confirm proves who the owner of a session is.
type Confirm struct {
	Password string `json:"password"`
	Code     string `json:"code"` // of the second factor, if there is one, or a recovery code
}

func confirm(ctx context.Context, c *ownCall, in Confirm) (None, error) {
	proof, err := c.StepUp(ctx, c.member, c.session, in.Password, in.Code, c.device)
	return None{}, c.renew(proof, err)
}

// renew gives the browser the next proof of its session.
func (c *ownCall) renew(proof string, err error) error {
	if err == nil {
		c.Remember(c.w, proof)
	}
	return err
}

// own does something with the member's own account, see Service.own.
func (c *ownCall) own(ctx context.Context, act string, fn func() error) error {
	return c.Service.own(ctx, c.member, c.device.IP, act, fn)
}

// NewSecondFactor is a second factor that is being set up. Nothing of it is stored yet.
type NewSecondFactor struct {
	Secret string `json:"secret"` // for typing, in base32
	URL    string `json:"url"`    // for apps, otpauth://…
	QR     []byte `json:"-"`      // that as a PNG image
	Sealed string `json:"sealed"` // to be sent back with the first code
}

func newSecondFactor(ctx context.Context, c *ownCall, _ None) (NewSecondFactor, error) {
	e, err := c.Staff.Enrol(ctx, c.session)
	return NewSecondFactor(e), err
}

// SetSecondFactor shows that an app has a second factor.
type SetSecondFactor struct {
	Sealed string `json:"sealed"` // as it was given out
	Code   string `json:"code"`
}

// NewRecoveryCodes stand in for a second factor, each once. Nobody can show them again.
type NewRecoveryCodes struct {
	RecoveryCodes []string `json:"recoveryCodes"`
}

func setSecondFactor(ctx context.Context, c *ownCall, in SetSecondFactor) (made NewRecoveryCodes, err error) {
	err = c.own(ctx, OwnSecondFactor, func() error {
		codes, proof, err := c.Staff.ConfirmEnrolment(ctx, c.session, in.Sealed, in.Code)
		made.RecoveryCodes = codes
		return c.renew(proof, err)
	})
	return made, err
}

// Account is a member's own account.
type Account struct {
	ID            string          `json:"id"`
	Email         string          `json:"email"`
	Name          string          `json:"name"`
	Publishers    []PublisherInfo `json:"publishers"` // with the role at each
	SecondFactor  bool            `json:"secondFactor"`
	RecoveryCodes int             `json:"recoveryCodes"` // that are left
	Sessions      []OwnSession    `json:"sessions"`
}

// OwnSession is a sign-in of a member's.
type OwnSession struct {
	ID        string    `json:"id"`
	UserAgent string    `json:"userAgent"`
	IP        string    `json:"ip"`
	Created   time.Time `json:"created"`
	Seen      time.Time `json:"seen"`
	Current   bool      `json:"current"`
}

func showAccount(ctx context.Context, c *ownCall, _ None) (Account, error) {
	m := c.member
	a := Account{
		ID: m.ID, Email: m.Email, Name: m.Name, Publishers: append([]PublisherInfo{}, c.Publishers(Actor{Staff: &m})...),
		SecondFactor: len(m.TOTP) > 0, RecoveryCodes: len(m.Recovery), Sessions: []OwnSession{},
	}
	live, err := c.Staff.Sessions(ctx, m.ID)
	for _, x := range live {
		a.Sessions = append(a.Sessions, OwnSession{x.ID, x.UserAgent, x.IP, x.Created, x.Seen, x.ID == c.session.ID})
	}
	return a, err
}

// ChangePassword is a password in place of another.
type ChangePassword struct {
	Current  string `json:"current"`
	Password string `json:"password"`
}

func changePassword(ctx context.Context, c *ownCall, in ChangePassword) (None, error) {
	return None{}, c.own(ctx, OwnPassword, func() error {
		return c.renew(c.Staff.ChangePassword(ctx, c.session, in.Current, in.Password, c.device))
	})
}

// EndSession names a session.
type EndSession struct {
	Session string `json:"session"` // its id
}

func endSession(ctx context.Context, c *ownCall, in EndSession) (None, error) {
	return None{}, c.own(ctx, OwnEndSession, func() error { return c.Staff.EndSession(ctx, c.member.ID, in.Session) })
}

func endOthers(ctx context.Context, c *ownCall, _ None) (None, error) {
	return None{}, c.own(ctx, OwnEndOthers, func() error { return c.Staff.EndOthers(ctx, c.session) })
}
