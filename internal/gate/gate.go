// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package gate owns the question that stands in front of every request to a
// site: may it pass, must its visitor sign in first, or is it refused? It owns
// the cookie of a site session, the identity that the app behind the gate is
// told, and the reserved paths under /.usher/. It refuses to let a client
// speak about identity, and to let anything pass when it cannot tell.
package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/recall"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/token"
)

// Gate guards one or more sites that share a policy. Safe for concurrent use.
type Gate struct {
	sites     []publisher.Origin
	exact     map[string]publisher.Origin // those of sites that are no pattern, by their Host header as it mostly is
	audiences map[publisher.Origin]string // of tokens by the API for the publishers of those
	policy    *Policy
	hub       publisher.Origin
	sessions  *session.Manager
	keys      *token.Keyring
	sso       *sso.Service
	directory *publisher.Directory
	tokens    *token.SiteTokens
	headers   *Headers
	pages     Pages
	memory    *Memory
	renewals  singleflight.Group
}

// Config is what a Gate stands on.
type Config struct {
	Sites     []publisher.Origin // those it guards; patterns allowed
	Policy    *Policy
	Hub       publisher.Origin
	Sessions  *session.Manager
	Keys      *token.Keyring
	SSO       *sso.Service
	Directory *publisher.Directory
	Tokens    *token.SiteTokens
	Headers   *Headers
	Pages     Pages
	Memory    *Memory
}

// New returns a Gate.
func New(c Config) *Gate {
	g := &Gate{
		exact: map[string]publisher.Origin{}, audiences: map[publisher.Origin]string{}, sites: c.Sites, policy: c.Policy, hub: c.Hub, sessions: c.Sessions, keys: c.Keys, sso: c.SSO,
		directory: c.Directory, tokens: c.Tokens, headers: c.Headers, pages: c.Pages, memory: c.Memory,
	}
	for _, s := range c.Sites {
		if site, _ := g.site(s.Host()); !s.Pattern() && site == s {
			g.exact[s.Host()] = s
			if p, ok := g.directory.BySite(s); ok {
				g.audiences[s] = token.PublisherAudience(p.ID)
			}
		}
	}
	return g
}

// Memory is what gates remember of the cookies and tokens that they have judged.
// One serves all gates over one store, also those of the configuration that a
// reload has brought. Safe for concurrent use.
type Memory struct{ *recall.Cache[known] }

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{recall.New[known](recall.DefaultBudget)} }

// Pages shows what the gate has to tell a person.
type Pages interface {
	// Problem tells what went wrong at a site and what to do next.
	Problem(w http.ResponseWriter, r *http.Request, p Problem)

	// SignOut asks for confirmation, because only a POST signs out.
	SignOut(w http.ResponseWriter, r *http.Request, site publisher.Origin)

	// Assets serves the style sheet; path is what follows the reserved prefix.
	Assets(w http.ResponseWriter, r *http.Request, path string)
}

// Problem is a dead end, and the way out of it.
type Problem struct {
	Kind   ProblemKind
	Status int
	Site   publisher.Origin
	Return string // path to go on with, where that helps
}

// ProblemKind tells pages which words to find.
type ProblemKind string

// The dead ends of a gate.
const (
	ProblemPath        ProblemKind = "path"        // the address is ambiguous
	ProblemNotFound    ProblemKind = "not-found"   // nothing at this reserved path
	ProblemExpired     ProblemKind = "expired"     // sign-in took too long, or was begun elsewhere
	ProblemCookies     ProblemKind = "cookies"     // the browser keeps no cookies
	ProblemLoop        ProblemKind = "loop"        // signed in at the hub, and not at the site
	ProblemClock       ProblemKind = "clock"       // the clocks of our servers differ
	ProblemForm        ProblemKind = "form"        // a form that was sent met the gate
	ProblemCode        ProblemKind = "code"        // the hub's answer was refused
	ProblemNotSignedIn ProblemKind = "signed-out"  // shown inside a frame
	ProblemForeign     ProblemKind = "foreign"     // a form was sent from another site
	ProblemMethod      ProblemKind = "method"      // the reserved path takes another method
	ProblemUnavailable ProblemKind = "unavailable" // the store cannot be asked
	ProblemForbidden   ProblemKind = "forbidden"   // the page is not for this account
)

// ErrUnavailable says that the gate could not find out whether a request may
// pass. Nothing was written to the response.
var ErrUnavailable = errors.New("cannot tell who is signed in")

// ErrNoSite says that a request has a Host that this gate does not guard.
// Nothing was written to the response.
var ErrNoSite = errors.New("host is not a site of this gate")

// Serve decides on a request. When it passes, Serve returns true and the
// identity to tell the app, nil for an anonymous visitor; otherwise it has
// answered. asked is the address that the visitor asked for: rewrites may have
// changed the request's own, which is what the app will see and so what the
// policy judges.
//
// The caller calls Headers.Strip first. Errors: ErrUnavailable, ErrNoSite; then
// nothing was answered and the request must not pass.
func (g *Gate) Serve(w http.ResponseWriter, r *http.Request, asked *url.URL) (*Identity, bool, error) {
	site, ok := g.site(r.Host)
	if !ok {
		return nil, false, ErrNoSite
	}
	c, err := g.policy.judgePath(r, asked)
	if err != nil {
		return nil, false, err
	}
	switch c.access {
	case Ambiguous:
		g.refuse(w, r, Problem{Kind: ProblemPath, Status: http.StatusBadRequest, Site: site})
		return nil, false, nil
	case Reserved:
		original := *r
		original.URL = asked
		return nil, false, g.reserved(w, &original, site, c.reserved)
	case Public:
		return nil, true, nil
	}
	id, err := g.identify(w, r, site)
	if c.access == Optional && (id != nil || err != nil) {
		if err != nil { // shown to strangers anyway, whatever went wrong
			id = nil
		}
		return id, true, nil
	}
	var lacks lack
	switch {
	case errors.Is(err, errDue):
		lacks, err = lack{reason: sso.InteractionRequired}, nil
	case err != nil:
	case id == nil:
		lacks.reason = sso.LoginRequired
		lacks.needs, err = g.policy.asks(r, c.demands)
	case c.demands == 0:
		return id, true, nil
	default:
		lacks.reason = sso.InteractionRequired
		lacks.judgement, err = g.policy.judge(r, c.demands, id, g.sessions.Now())
		if err == nil && lacks.passes() {
			return id, true, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	return nil, g.turnAway(w, r, site, asked.RequestURI(), decide(c.access, r), lacks), nil
}

// lack is why a request does not pass.
type lack struct {
	reason string // LoginRequired or InteractionRequired
	judgement
}

// Unavailable tells a visitor that the gate cannot find out who they are.
func (g *Gate) Unavailable(w http.ResponseWriter, r *http.Request) {
	site, _ := g.site(r.Host)
	g.refuse(w, r, Problem{Kind: ProblemUnavailable, Status: http.StatusServiceUnavailable, Site: site, Return: "/"})
}

// site returns the site that a Host header belongs to.
func (g *Gate) site(host string) (publisher.Origin, bool) {
	if s, ok := g.exact[host]; ok {
		return s, true
	}
	for _, s := range g.sites {
		if site, ok := s.ForHost(host); ok {
			return site, true
		}
	}
	return "", false
}

// errDue says that a customer is signed in, and has to do something at the hub
// before they may go on.
var errDue = errors.New("something is due at the hub")

// dueFor is how long a customer is known to have something to do. Short, because
// they may do it through the API with the same token.
const dueFor = time.Second

// identify returns who sent a request: by bearer token, else by the site's
// cookie; nil when nobody is signed in. Errors: errDue, with the identity;
// ErrUnavailable.
func (g *Gate) identify(w http.ResponseWriter, r *http.Request, site publisher.Origin) (*Identity, error) {
	if raw, ok := bearer(r.Header); ok {
		if id, err := g.byBearer(r.Context(), raw, site); id != nil || err != nil {
			return id, err
		}
	}
	value, ok := findCookie(r.Header, sso.CookiesFor(site).Name(sso.SiteCookie))
	if !ok {
		return nil, nil
	}
	return g.byCookie(w, r, value, site)
}

// bearer returns the token of an Authorization header (RFC 6750).
func bearer(h http.Header) (string, bool) {
	values := h["Authorization"]
	if len(values) != 1 || len(values[0]) < 8 || !strings.EqualFold(values[0][:7], "Bearer ") {
		return "", false
	}
	return values[0][7:], true
}

func (g *Gate) byBearer(ctx context.Context, raw string, site publisher.Origin) (*Identity, error) {
	audience, ok := g.audience(site)
	if !ok {
		return nil, nil
	}
	key, ok := g.memory.Key(raw, audience, string(g.hub))
	if !ok {
		return nil, nil
	}
	now := g.sessions.Now()
	if k, verdict := g.recalled(key, now); verdict != recall.Unknown {
		return g.remembered(k)
	}
	generation := g.keys.Generation()
	claims, err := g.keys.VerifyForPublisher(raw)
	if err != nil || claims.Audience != audience {
		g.memory.Refuse(key, now)
		return nil, nil
	}
	return g.admit(ctx, key, claims, raw, generation)
}

// audience returns the audience of tokens by the API that are good at a site.
func (g *Gate) audience(site publisher.Origin) (string, bool) {
	if audience, ok := g.audiences[site]; ok {
		return audience, true
	}
	p, ok := g.directory.BySite(site)
	return token.PublisherAudience(p.ID), ok
}

// recalled returns what is remembered of a key, nil for nothing good. What was
// judged by keys that are gone, or under other demands of the publisher than now,
// is unknown again.
func (g *Gate) recalled(key recall.Key, now time.Time) (*known, recall.Verdict) {
	k, verdict := g.memory.Get(key, now)
	if verdict != recall.Good {
		return nil, verdict
	}
	id := &k.identity
	if g.headers.signed && id.Get(Token) == "" { // a gate that needs none has judged it
		return nil, recall.Unknown
	}
	if id.generation != g.keys.Generation() || !k.due && id.stamp() != g.sessions.Stamp(id.publisher) {
		return nil, recall.Unknown
	}
	return k, verdict
}

// admit lets the owner of a good token in, unless their publisher demands
// something of them first. What was demanded when the token was made is in it,
// so the store is asked only after that has changed. signed is the token that the
// app is given, "" to make one. Errors: errDue, ErrUnavailable.
func (g *Gate) admit(ctx context.Context, key recall.Key, claims token.Claims, signed string, generation uint64) (*Identity, error) {
	if claims.Stamp == "" || claims.Stamp != g.sessions.Stamp(claims.PublisherID) {
		current, err := g.sessions.Current(ctx, claims)
		if errors.Is(err, session.ErrRefused) {
			g.memory.Refuse(key, g.sessions.Now())
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		claims = current
	}
	k, err := g.known(key, claims, signed, generation)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	g.remember(key, k, claims.Expires)
	return g.remembered(&k)
}

// known is what the gate remembers of a cookie or token that it found good.
type known struct {
	identity Identity
	renewed  string // the cookie's newer value, to be sent with the answer
	due      bool   // the customer has something to do first
	endings  uint64 // how many sessions had ended when this was seen not to be one of them; atomic
}

// known returns what claims say that were presented as a key, with a signed token
// for the app.
func (g *Gate) known(key recall.Key, claims token.Claims, signed string, generation uint64) (known, error) {
	if signed == "" && g.headers.signed {
		said := claims
		said.Stamp = "" // is between us
		var err error
		if signed, err = g.keys.Sign(said); err != nil {
			return known{}, fmt.Errorf("signing a token for the app: %w", err)
		}
	}
	return known{identity: newIdentity(key, claims, signed, generation), due: claims.Stamp == ""}, nil
}

// remember keeps what is known until a time, or for a moment when the customer has
// something to do.
func (g *Gate) remember(key recall.Key, k known, until time.Time) {
	now := g.sessions.Now()
	if soon := now.Add(dueFor); k.due && soon.Before(until) {
		until = soon
	}
	g.memory.Put(key, k.identity.texts, k, identitySize+len(k.renewed), until, now)
}

// remembered returns what a thing known stands for: nobody when there is none, or
// when the session has ended. Errors: errDue.
func (g *Gate) remembered(k *known) (*Identity, error) {
	if k == nil || g.ended(k) {
		return nil, nil
	}
	if k.due {
		return &k.identity, errDue
	}
	return &k.identity, nil
}

// ended tells whether the session has ended. It looks only when one has since it
// looked last.
func (g *Gate) ended(k *known) bool {
	endings := g.sessions.Endings()
	if atomic.LoadUint64(&k.endings) == endings {
		return false
	}
	if g.sessions.Ended(k.identity.Get(SessionID)) {
		return true
	}
	atomic.StoreUint64(&k.endings, endings)
	return false
}
