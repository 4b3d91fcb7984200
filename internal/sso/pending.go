// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
)

const (
	// pendingLife is how long a visitor may take to sign in at the hub.
	pendingLife = 10 * time.Minute

	// maxPending is how many sign-ins a browser may have pending at one site,
	// one a tab; more would fill the Cookie header.
	maxPending = 5

	// maxReturn bounds the return path; longer ones are no addresses that
	// people keep.
	maxReturn = 2048

	// maxPendingSize bounds a pending sign-in, which grows with the return
	// path: browsers keep no cookie over 4096 bytes, and sealing adds a third.
	// The visitor then comes back to the front page.
	maxPendingSize = 2900

	// idLength is the length of a pending sign-in's id, in its cookie's name.
	idLength = 8
)

// pending is one sign-in that a site began, as the browser keeps it, sealed.
type pending struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Return   string    `json:"return"`
	Silent   bool      `json:"silent,omitempty"`
	Form     bool      `json:"form,omitempty"`
	Needs    string    `json:"needs,omitempty"`
	Begun    time.Time `json:"begun"`
}

// Ask is what a sign-in at a site is begun with.
type Ask struct {
	Return string // path and query that the visitor asked for
	Silent bool   // the hub may show no page
	Notice Notice // what its sign-in page tells first
	Needs  Needs  // what the page demands of the visitor
}

// Begin starts a sign-in at a site: it sets the cookie that keeps it and
// returns the hub's URL to redirect to.
func (s *Service) Begin(w http.ResponseWriter, r *http.Request, site publisher.Origin, ask Ask) string {
	if !localPath(ask.Return) || len(ask.Return) > maxReturn {
		ask.Return = "/"
	}
	id := secret.NewID()[:idLength]
	p := pending{
		State: id + "." + secret.New(), Nonce: secret.NewID(), Verifier: secret.New(),
		Return: ask.Return, Silent: ask.Silent, Form: ask.Notice == NoticeForm, Needs: ask.Needs.String(), Begun: s.store.Now(),
	}
	value := p.encode()
	if len(value) > maxPendingSize {
		p.Return = "/"
		value = p.encode()
	}
	s.dropOldest(w, r, site)
	CookiesFor(site).Set(w.Header(), PendingCookie+id, s.pending.Seal(value, string(site)+id), pendingLife)
	question := Request{
		Site: site, State: p.State, Nonce: p.Nonce, Challenge: challenge(p.Verifier),
		Silent: ask.Silent, Notice: ask.Notice, Needs: ask.Needs, needs: s.SealNeeds(ask.Needs, site), Page: s.SealPage(p.Return, site),
	}
	return string(s.hub) + AuthorizePath + "?" + question.Values().Encode()
}

func (p pending) encode() []byte {
	var value bytes.Buffer
	e := json.NewEncoder(&value)
	e.SetEscapeHTML(false) // a query's ampersands would grow sixfold
	if err := e.Encode(p); err != nil {
		panic("encoding a pending sign-in: " + err.Error()) // strings and a time always encode
	}
	return value.Bytes()
}

// localPath tells whether s is a path at the site itself: browsers read // and
// /\ as the start of another host.
func localPath(s string) bool {
	return strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//") && !strings.ContainsAny(s, "\\\r\n\t\x00")
}

// found is a pending sign-in in a browser, or what is left of one.
type found struct {
	id    string
	begun time.Time // the zero time when it cannot be read
}

// pendingIn returns the pending sign-ins that a browser has at a site, the
// oldest first.
func (s *Service) pendingIn(r *http.Request, site publisher.Origin) []found {
	var all []found
	for _, c := range r.Cookies() {
		if id, ok := strings.CutPrefix(c.Name, CookiesFor(site).Name(PendingCookie)); ok {
			p, _ := s.open(c.Value, site, id) // one that cannot be read is the oldest
			all = append(all, found{id, p.Begun})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Or(a.begun.Compare(b.begun), cmp.Compare(a.id, b.id)) })
	return all
}

// dropOldest makes room for one more pending sign-in.
func (s *Service) dropOldest(w http.ResponseWriter, r *http.Request, site publisher.Origin) {
	all := s.pendingIn(r, site)
	for i := 0; i+maxPending <= len(all); i++ {
		CookiesFor(site).Clear(w.Header(), PendingCookie+all[i].id)
	}
}

// unansweredAfter is how long the hub may take to answer a silent request.
const unansweredAfter = 15 * time.Second

// Unanswered tells whether the browser began a sign-in at the site a while ago
// that did not come back, so that to ask again would be to ask in vain.
func (s *Service) Unanswered(r *http.Request, site publisher.Origin) bool {
	all := s.pendingIn(r, site)
	return len(all) > 0 && !s.store.Now().Before(all[0].begun.Add(unansweredAfter))
}

func (s *Service) open(sealed string, site publisher.Origin, id string) (pending, error) {
	var p pending
	value, err := s.pending.Open(sealed, string(site)+id)
	if err == nil {
		err = json.Unmarshal(value, &p)
	}
	return p, err
}

// Result is what a callback leads to.
type Result struct {
	Return  string            // where the visitor wanted to go: a path and query of the site
	Denied  string            // LoginRequired or InteractionRequired; then there is no session
	Silent  bool              // the hub was asked without a page
	Form    bool              // a form was sent, and is lost
	Needs   string            // what the page demanded, as Needs.String has it
	Session authstore.Session // the visitor's
	Secret  string            // proves the site session; for the site's cookie
}

// Finish takes the hub's answer at a site: it finds the pending sign-in in the
// browser, forgets it, and spends the code. Errors: ErrTransaction, ErrCode.
func (s *Service) Finish(ctx context.Context, w http.ResponseWriter, r *http.Request, site publisher.Origin) (Result, error) {
	q := r.URL.Query()
	p, err := s.take(w, r, site, q.Get("state"))
	if page := q.Get("page"); errors.Is(err, ErrTransaction) && page != "" {
		return Result{Return: strings.TrimPrefix(s.PageAt(site, page), string(site)), Denied: LoginRequired}, nil
	}
	if err != nil {
		return Result{}, err
	}
	if q.Get("iss") != string(s.hub) {
		return Result{}, ErrTransaction
	}
	if denied := q.Get("error"); denied != "" {
		if denied != InteractionRequired {
			denied = LoginRequired
		}
		return Result{Return: p.Return, Denied: denied, Silent: p.Silent}, nil
	}
	return s.redeem(ctx, site, p, q)
}

// take returns the pending sign-in that a state belongs to and removes it from
// the browser: a state is good for one callback.
func (s *Service) take(w http.ResponseWriter, r *http.Request, site publisher.Origin, state string) (pending, error) {
	id, _, ok := strings.Cut(state, ".")
	if !ok || len(id) != idLength {
		return pending{}, ErrTransaction
	}
	cookies := CookiesFor(site)
	c, err := r.Cookie(cookies.Name(PendingCookie + id))
	if err != nil && !keepsCookies(r, cookies) {
		return pending{}, ErrBlocked
	}
	if err != nil {
		return pending{}, ErrTransaction
	}
	p, err := s.open(c.Value, site, id)
	if err != nil || !secret.Equal(p.State, state) {
		return pending{}, ErrTransaction
	}
	cookies.Clear(w.Header(), PendingCookie+id)
	switch now := s.store.Now(); {
	case !now.Before(p.Begun.Add(pendingLife)):
		return pending{}, ErrTransaction
	case now.Before(p.Begun.Add(-clockLeeway)):
		return pending{}, ErrClock
	}
	return p, nil
}

// clockLeeway is how much the clocks of two nodes may differ.
const clockLeeway = time.Minute

// keepsCookies tells whether the browser has any cookie of ours.
func keepsCookies(r *http.Request, cookies Cookies) bool {
	prefix := cookies.Name(SiteCookie)
	for _, c := range r.Cookies() {
		if c.Name == prefix || strings.HasPrefix(c.Name, prefix+"-") {
			return true
		}
	}
	return false
}

func (s *Service) redeem(ctx context.Context, site publisher.Origin, p pending, q url.Values) (Result, error) {
	renew := secret.New()
	visitor, err := s.sessions.Redeem(ctx, authstore.SignInCode{
		Digest: secret.Digest(q.Get("code")), Purpose: purposeCode,
		Site: string(site), Secret: secret.Digest(renew),
		Check: func(t authstore.Ticket) error {
			own := secret.Equal(t.Data["challenge"], challenge(p.Verifier)) && secret.Equal(t.Data["nonce"], p.Nonce)
			if !own || t.Data["site"] != string(site) {
				return ErrCode
			}
			return nil
		},
	})
	switch {
	case errors.Is(err, authstore.ErrNotFound), errors.Is(err, authstore.ErrUsed), errors.Is(err, ErrCode):
		return Result{}, ErrCode
	case err != nil:
		return Result{}, err
	}
	return Result{Return: p.Return, Silent: p.Silent, Form: p.Form, Needs: p.Needs, Session: visitor, Secret: renew}, nil
}
