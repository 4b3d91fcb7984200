// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package session owns sign-ins: it starts them, keeps them alive, rotates
// their refresh tokens, hands out their access tokens and ends them so that
// every site refuses them from then on. It refuses a secret that it did not
// make, and ends the session of a refresh token that is used again.
package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/flow"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/token"
)

// endedFor is how long an ended session is remembered: the longest life that a token
// may have, and a minute for clocks of several nodes that differ.
const endedFor = LongestTokenLife + time.Minute

// ErrRefused says that a secret belongs to no live session.
var ErrRefused = errors.New("session is over or was never there")

// ErrReused is the ErrRefused of a refresh token that was used before, after
// which the session has ended: one of the two who used it is a thief.
var ErrReused = fmt.Errorf("%w: refresh token was used before", ErrRefused)

// Device is where a sign-in comes from.
type Device struct {
	IP        string
	UserAgent string

	// LastIP goes on record as the customer's last address in place of IP, when a
	// client that stands in for the customer knows better.
	LastIP string
}

// maxUserAgent bounds what a client can make us store for each session.
const maxUserAgent = 256

// CutUserAgent returns a User-Agent as sessions keep it.
func CutUserAgent(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxUserAgent)], "")
}

// Start is how a new session begins: at the hub in a browser, through the API,
// or not at all.
type Start int

const (
	AtHub Start = iota // the browser gets a cookie
	ByAPI              // the client gets a refresh token
	None               // whoever registers has to log in afterwards
)

// Secrets is what the client is given to prove a new session; each is given
// once and stored as a digest.
type Secrets struct {
	Hub     string // for the hub's cookie
	Refresh string // refresh token
}

// Manager starts, renews and ends sessions. Safe for concurrent use.
type Manager struct {
	store     *authstore.Store
	memory    *Memory
	keys      *token.Keyring
	directory *publisher.Directory
	tenants   *publisher.Derived[map[int64]*tenant]
	mark      secret.Marker
}

// NewManager returns a Manager. memory is shared by all Managers over one
// store in one process.
func NewManager(store *authstore.Store, memory *Memory, keys *token.Keyring, directory *publisher.Directory, root secret.Root) *Manager {
	return &Manager{
		store: store, memory: memory, keys: keys, directory: directory, mark: secret.NewMarker(root, "refresh"),
		tenants: publisher.Derive(directory, tenantsOf),
	}
}

// Prepare makes a session that is not stored yet.
func (m *Manager) Prepare(customer authstore.Customer, offer string, d Device, how Start) (authstore.Session, Secrets) {
	now := m.store.Now()
	s := authstore.Session{
		ID: secret.NewID(), PublisherID: customer.PublisherID, CustomerID: customer.ID, OfferID: offer,
		Created: now, Seen: now, IP: d.IP, UserAgent: CutUserAgent(d.UserAgent),
	}
	var given Secrets
	switch how {
	case AtHub:
		proof := secret.New()
		s.HubDigest, given.Hub = secret.Digest(proof), hubProof(s.ID, proof)
	case ByAPI:
		proof := secret.New()
		s.Refresh = &authstore.Refresh{Digest: secret.Digest(proof), Rotated: now}
		given.Refresh = m.refreshToken(s.ID, 0, proof)
	}
	return s, given
}

// Start stores a new session of a customer who has just proved who they are.
// replaced is the session that the same browser had before, or "": it ends in the
// same step, so that what was known of it is worth nothing afterwards. proofs are
// those of authstore.SessionStart.
func (m *Manager) Start(ctx context.Context, c authstore.Customer, offer string, d Device, how Start, replaced string, proofs ...authstore.Identity) (authstore.Session, Secrets, error) {
	s, given := m.Prepare(c, offer, d, how)
	err := m.store.StartSession(ctx, authstore.SessionStart{
		Session: s, LastIP: cmp.Or(d.LastIP, d.IP), Proofs: proofs, Replaces: replaced, EndedFor: endedFor,
	})
	if err != nil {
		return s, Secrets{}, fmt.Errorf("starting a session: %w", err)
	}
	m.rememberReplaced(replaced)
	return s, given, nil
}

// Exchange is Start by a ticket of another session of the customer, which is used up.
// It is no proof of who they are: that is as old as in the other session. Errors: those
// of authstore.Store.StartSession.
func (m *Manager) Exchange(ctx context.Context, c authstore.Customer, other authstore.Session, ticket authstore.TicketUse, d Device, how Start) (authstore.Session, Secrets, error) {
	s, given := m.Prepare(c, other.OfferID, d, how)
	s.Confirmed = other.SignedIn()
	err := m.store.StartSession(ctx, authstore.SessionStart{
		Session: s, LastIP: cmp.Or(d.LastIP, d.IP), Uses: ticket, EndedFor: endedFor,
	})
	if err != nil {
		return s, Secrets{}, fmt.Errorf("starting a session: %w", err)
	}
	return s, given, nil
}

// Link adds an identity to a customer's, with a session if it has one. Errors: those
// of authstore.Store.Link.
func (m *Manager) Link(ctx context.Context, l authstore.Linking) (authstore.Customer, error) {
	l.EndedFor = endedFor
	c, ids, err := m.store.Link(ctx, l)
	if err == nil {
		m.remember(ids)
		if l.Session != nil {
			m.rememberReplaced(l.Session.Replaces)
		}
	}
	return c, err
}

// EndByUnlinking removes an identity of a customer's and ends their other sessions, in
// one step. Errors: those of authstore.Store.Unlink.
func (m *Manager) EndByUnlinking(ctx context.Context, u authstore.Unlinking) error {
	u.EndedFor = endedFor
	ids, err := m.store.Unlink(ctx, u)
	if err == nil {
		m.remember(ids)
	}
	return err
}

// EndByDeletion removes identities of customers', and ends sessions, in one step.
// Errors: those of authstore.Store.DeleteIdentities.
func (m *Manager) EndByDeletion(ctx context.Context, d authstore.IdentityDeletion) error {
	d.EndedFor = endedFor
	ids, err := m.store.DeleteIdentities(ctx, d)
	if err == nil {
		m.remember(ids)
	}
	return err
}

// Register stores a new customer with a session that was prepared, and ends the
// one it replaces, in one step. Errors: those of authstore.Store.Register.
func (m *Manager) Register(ctx context.Context, r authstore.Registration) (authstore.Customer, error) {
	r.EndedFor = endedFor
	c, err := m.store.Register(ctx, r)
	if err == nil {
		m.rememberReplaced(r.Replaces)
	}
	return c, err
}

func (m *Manager) rememberReplaced(id string) {
	if id != "" {
		m.remember([]string{id})
	}
}

// AtHub returns the live session that a part of the hub's cookie proves. A cookie
// has those of several publishers, and a visit to one is no use of the others: the
// caller says by Used which one it is. Errors: ErrRefused.
func (m *Manager) AtHub(ctx context.Context, proof string) (authstore.Session, error) {
	id, given, _ := strings.Cut(proof, ".")
	return m.proved(ctx, id, func(s authstore.Session) []string { return []string{s.HubDigest} }, given)
}

// AtSite returns the live session that the secret in a site's cookie proves.
// Errors: ErrRefused.
func (m *Manager) AtSite(ctx context.Context, id, site, given string) (authstore.Session, error) {
	s, err := m.proved(ctx, id, func(s authstore.Session) []string { return s.Sites[site].Digests() }, given)
	if err == nil {
		m.Used(s)
	}
	return s, err
}

// Used notes that a session is used now.
func (m *Manager) Used(s authstore.Session) {
	m.memory.touch(s.ID, m.store.Now(), noteEvery(m.limits(s.PublisherID)))
}

func (m *Manager) proved(ctx context.Context, id string, digests func(authstore.Session) []string, given string) (authstore.Session, error) {
	if m.memory.Ended(id) {
		return authstore.Session{}, ErrRefused
	}
	s, err := m.store.Session(ctx, id)
	if errors.Is(err, authstore.ErrNotFound) && m.memory.usedLately(id) {
		// It may be over only for the store, which has not heard of its last use.
		if err := m.memory.Flush(ctx, m.store); err != nil {
			return authstore.Session{}, fmt.Errorf("noting the use of sessions: %w", err)
		}
		s, err = m.store.Session(ctx, id)
	}
	matches := func(digest string) bool { return secret.Matches(digest, given) }
	if errors.Is(err, authstore.ErrNotFound) || err == nil && !slices.ContainsFunc(digests(s), matches) {
		return authstore.Session{}, ErrRefused
	}
	if err != nil {
		return authstore.Session{}, fmt.Errorf("reading session: %w", err)
	}
	return s, nil
}

// Confirm notes that the customer of a session, which AtHub has returned, has just
// proved who they are again. It returns what proves the session to AtHub from now
// on: what did so before is worth nothing any more, wherever it got to. Errors:
// ErrRefused, also when another Confirm was first.
func (m *Manager) Confirm(ctx context.Context, s authstore.Session) (proof string, err error) {
	given := secret.New()
	_, err = m.store.JudgeSession(ctx, s.ID, endedFor, func(stored *authstore.Session) (authstore.Verdict, error) {
		if s.HubDigest == "" || stored.HubDigest != s.HubDigest {
			return authstore.Keep, ErrRefused
		}
		stored.Confirmed, stored.HubDigest = m.store.Now(), secret.Digest(given)
		return authstore.Save, nil
	})
	if errors.Is(err, ErrRefused) || errors.Is(err, authstore.ErrNotFound) {
		return "", ErrRefused
	}
	if err != nil {
		return "", fmt.Errorf("confirming a session: %w", err)
	}
	return hubProof(s.ID, given), nil
}

// hubProof returns what AtHub takes.
func hubProof(id, given string) string { return id + "." + given }

// Ended tells whether a session was ended while tokens of it may be alive. It
// looks in memory only.
func (m *Manager) Ended(id string) bool { return m.memory.Ended(id) }

// Endings returns a number that is another one, and not 0, after a session has
// ended: whoever has asked Ended of a session need not ask again before. Ask for
// the number first.
func (m *Manager) Endings() uint64 { return m.memory.endings.Load() }

// End ends a session: its tokens are refused from now on. Ending a session
// that is over already is no error.
func (m *Manager) End(ctx context.Context, id string) error {
	_, err := m.store.JudgeSession(ctx, id, endedFor, func(*authstore.Session) (authstore.Verdict, error) {
		return authstore.End, nil
	})
	if err != nil && !errors.Is(err, authstore.ErrNotFound) {
		return fmt.Errorf("ending session: %w", err)
	}
	m.memory.end(id, m.store.Now().Add(endedFor))
	return nil
}

// EndAll ends all sessions of a customer but the one named, which may be "".
func (m *Manager) EndAll(ctx context.Context, customer int64, except string) error {
	ids, err := m.store.EndCustomerSessions(ctx, customer, except, endedFor)
	if err != nil {
		return fmt.Errorf("ending the sessions of a customer: %w", err)
	}
	m.remember(ids)
	return nil
}

// EndByReset sets a password by a mailed ticket and ends all sessions of the
// customer, in one step. Errors: those of authstore.Store.ResetPassword.
func (m *Manager) EndByReset(ctx context.Context, r authstore.PasswordReset) (authstore.Customer, error) {
	r.EndedFor = endedFor
	c, ids, err := m.store.ResetPassword(ctx, r)
	if err == nil {
		m.remember(ids)
	}
	return c, err
}

// EndByUndo gives an account back to an address and ends all sessions of the
// customer, in one step. Errors: those of authstore.Store.UndoEmailChange.
func (m *Manager) EndByUndo(ctx context.Context, u authstore.EmailUndo) (authstore.Customer, error) {
	u.EndedFor = endedFor
	c, ids, err := m.store.UndoEmailChange(ctx, u)
	if err == nil {
		m.remember(ids)
	}
	return c, err
}

// EndByChange changes a password and ends the customer's other sessions, in one
// step. Errors: those of authstore.Store.ChangePassword.
func (m *Manager) EndByChange(ctx context.Context, p authstore.PasswordChange) error {
	p.EndedFor = endedFor
	ids, err := m.store.ChangePassword(ctx, p)
	if err == nil {
		m.remember(ids)
	}
	return err
}

// EndByDisabling disables a customer and ends all their sessions, in one step.
// Errors: those of authstore.Store.DisableCustomer.
func (m *Manager) EndByDisabling(ctx context.Context, customer int64) error {
	ids, err := m.store.DisableCustomer(ctx, customer, endedFor)
	if err == nil {
		m.remember(ids)
	}
	return err
}

// EndByWithdrawal notes answers to consents and, if they take back what is
// required, ends all sessions of the customer, in one step. It tells whether they
// do. Errors: those of authstore.Store.ChangeConsents.
func (m *Manager) EndByWithdrawal(ctx context.Context, c authstore.ConsentChange) (withdrawn bool, err error) {
	c.EndedFor = endedFor
	withdrawn, ids, err := m.store.ChangeConsents(ctx, c)
	if err != nil {
		return false, err
	}
	m.remember(ids)
	return withdrawn, nil
}

// EndErased erases a customer and ends all their sessions, in one step. Errors:
// those of authstore.Store.EraseCustomer.
func (m *Manager) EndErased(ctx context.Context, customer int64, tickets ...authstore.Purpose) error {
	ids, err := m.store.EraseCustomer(ctx, customer, endedFor, tickets...)
	if err == nil {
		m.remember(ids)
	}
	return err
}

// Wipe removes up to n customers of a publisher, with everything of theirs, and
// ends their sessions. It tells whether there are more. See
// authstore.Store.WipePublisher.
func (m *Manager) Wipe(ctx context.Context, publisher int64, n int) (more bool, err error) {
	ids, more, err := m.store.WipePublisher(ctx, publisher, endedFor, n)
	if err != nil {
		return false, fmt.Errorf("removing the customers of a publisher: %w", err)
	}
	m.remember(ids)
	return more, nil
}

// remember makes this process refuse the tokens of sessions that have ended.
func (m *Manager) remember(ids []string) {
	for _, id := range ids {
		m.memory.end(id, m.store.Now().Add(endedFor))
	}
}

// AccessToken returns a signed access token of a session that has just been used,
// and what it says; see Claims.
func (m *Manager) AccessToken(ctx context.Context, s authstore.Session, audience string) (string, token.Claims, error) {
	claims, err := m.Claims(ctx, s, audience)
	if err != nil {
		return "", token.Claims{}, err
	}
	raw, err := m.keys.Sign(claims)
	return raw, claims, err
}

// Claims returns what a new access token of a session that has just been used
// says. The audience is a site's origin, or token.PublisherAudience for the API.
// It dies with the session's absolute limit, and before the idle limit has passed
// without another use. Errors: ErrRefused when the customer is gone or disabled,
// or the session over.
func (m *Manager) Claims(ctx context.Context, s authstore.Session, audience string) (token.Claims, error) {
	p, _ := m.directory.ByID(s.PublisherID)
	limits, now := p.Session.InForce(), m.store.Now()
	expires := now.Add(tokenLife(p.TokenLife, limits))
	if latest := s.Created.Add(limits.Absolute); latest.Before(expires) {
		expires = latest
	}
	if !now.Before(expires) {
		return token.Claims{}, ErrRefused
	}
	return m.Current(ctx, token.Claims{
		ID: secret.NewID(), SessionID: s.ID, CustomerID: s.CustomerID, PublisherID: s.PublisherID, OfferID: s.OfferID,
		Audience: audience, IssuedAt: now, Expires: expires, SignedInAt: s.SignedIn(),
	})
}

// Current returns claims with what is true of their customer now. Their Stamp is
// "" when the publisher demands something of the customer first. Errors:
// ErrRefused when the customer is gone or disabled, or their publisher is not
// configured any more.
func (m *Manager) Current(ctx context.Context, claims token.Claims) (token.Claims, error) {
	p := m.tenants.Get()[claims.PublisherID]
	if p == nil {
		return token.Claims{}, ErrRefused
	}
	st, err := m.store.Standing(ctx, claims.CustomerID)
	c := st.Customer
	if errors.Is(err, authstore.ErrNotFound) || err == nil && c.Disabled {
		return token.Claims{}, ErrRefused
	}
	if err != nil {
		return token.Claims{}, fmt.Errorf("reading customer: %w", err)
	}
	claims.Email, claims.EmailVerified = c.Email, !c.EmailVerified.IsZero()
	claims.Consents = consent.Accepted(p.Consents, st.Consents)
	claims.Captured = !capture.Missing(p.Capture, c, st.Capture)
	claims.Stamp = ""
	if flow.Barrier(p.Publisher, st, m.store.Now()) == flow.Done {
		claims.Stamp = p.stamp
	}
	return claims, nil
}

// Redeem turns a one-time sign-in code into a session at a site. Errors: those
// of authstore.Store.RedeemSignIn.
func (m *Manager) Redeem(ctx context.Context, c authstore.SignInCode) (authstore.Session, error) {
	c.EndedFor = endedFor
	s, err := m.store.RedeemSignIn(ctx, c)
	if errors.Is(err, authstore.ErrUsed) {
		m.memory.end(s.ID, m.store.Now().Add(endedFor))
	}
	return s, err
}

// Now returns the time by the store's clock, see authstore.Store.Clock.
func (m *Manager) Now() time.Time { return m.store.Clock() }
