// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package sso owns sign-in across sites: the pending sign-in that a site keeps
// in its visitor's browser, the one-time code with which the hub answers it,
// and the names and attributes of usher's cookies. It refuses a code at any
// other site, in any other browser, a second time, or after half a minute. No
// URL of it carries a return address, so there is none to forge.
package sso

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/session"
)

// Paths of the two ends of a sign-in.
const (
	// AuthorizePath is where the hub takes a site's visitors in.
	AuthorizePath = "/authorize"

	// CallbackPath is where a site takes them back.
	CallbackPath = "/.usher/callback"
)

const (
	// codeLife is how long a code may be on its way through the browser.
	codeLife = 30 * time.Second

	purposeCode authstore.Purpose = "sign-in code"
)

var (
	// ErrRequest says that a sign-in request is malformed or comes from a site
	// that no publisher has.
	ErrRequest = errors.New("sign-in request is not valid")

	// ErrSite is the ErrRequest of a site that no publisher has.
	ErrSite = fmt.Errorf("%w: no publisher has the site", ErrRequest)

	// ErrTransaction says that the browser has no pending sign-in that fits:
	// its cookies are blocked, it took too long, or somebody else began it.
	ErrTransaction = errors.New("no pending sign-in in this browser")

	// ErrBlocked is the ErrTransaction of a browser that keeps none of our cookies.
	ErrBlocked = fmt.Errorf("%w: it keeps no cookies", ErrTransaction)

	// ErrClock is the ErrTransaction of a sign-in that began in the future: the
	// clocks of two nodes differ.
	ErrClock = fmt.Errorf("%w: it began in the future", ErrTransaction)

	// ErrCode says that the code is unknown, spent, expired or not for this
	// site and browser.
	ErrCode = errors.New("sign-in code refused")
)

// Answers of the hub to a site that asked without showing a page (OpenID
// Connect Core, section 3.1.2.6).
const (
	LoginRequired       = "login_required"
	InteractionRequired = "interaction_required"
)

// Notice is what the hub's sign-in page tells first, to somebody whose request
// met a gate.
type Notice string

// The notices. Any other is none.
const (
	NoticeEnded Notice = "ended" // the session that the browser had is over
	NoticeForm  Notice = "form"  // the form that was sent has to be sent again
)

// Service is the hub's and the sites' end of signing in. Safe for concurrent
// use.
type Service struct {
	hub       publisher.Origin
	store     *authstore.Store
	sessions  *session.Manager
	directory *publisher.Directory
	pending   *secret.Sealer
}

// NewService returns a Service for the hub at the given origin.
func NewService(hub publisher.Origin, store *authstore.Store, sessions *session.Manager, directory *publisher.Directory, root secret.Root) *Service {
	return &Service{
		hub: hub, store: store, sessions: sessions, directory: directory,
		pending: secret.NewSealer(root, "pending sign-in"),
	}
}

// Request is a site's question to the hub: who is this visitor?
type Request struct {
	Site      publisher.Origin
	State     string
	Nonce     string
	Challenge string // S256 (RFC 7636)
	Silent    bool   // prompt=none: no page may be shown
	Notice    Notice
	Needs     Needs  // of the page that the visitor asked for
	needs     string // sealed

	// UILocales are the languages the pages should have, most wanted first
	// (OpenID Connect Core, section 3.1.2.1); "" leaves it to the viewer.
	UILocales string

	// Page is the page that the visitor asked for, sealed: nobody can read it or
	// make one. The site has it in its cookie; the hub passes it on in mails, whose
	// links are opened in other browsers too. "" is the site's front page.
	Page string
}

const (
	// maxPage bounds the page in a request, which all pages of a visit carry on.
	maxPage = 512

	// pageContext keeps a sealed page from being taken for anything else.
	pageContext = " page"
)

// maxSealedPage bounds a sealed page.
const maxSealedPage = 1000

// Page returns the sealed page in a query, or "" when it cannot be one: nobody
// is refused for it.
func Page(v url.Values) string {
	if page := v.Get("page"); isWord(page, "", 1, maxSealedPage) {
		return page
	}
	return ""
}

// SealPage returns a path and query of a site as requests carry it: nobody can
// read it, or make one. "" is the front page, and what is too long.
func (s *Service) SealPage(page string, site publisher.Origin) string {
	if page == "/" || len(page) > maxPage {
		return ""
	}
	return s.pending.Seal([]byte(page), string(site)+pageContext)
}

// PageAt returns the address of the page that was sealed for a site, or that of
// the site's front page.
func (s *Service) PageAt(site publisher.Origin, sealed string) string {
	page, err := s.pending.Open(sealed, string(site)+pageContext)
	if err != nil || !localPath(string(page)) {
		page = []byte("/")
	}
	return string(site) + string(page)
}

// maxLocales bounds ui_locales, because pages carry them on.
const maxLocales = 100

// UILocales returns the ui_locales of a query, or "" when they are no list of
// languages: nobody is refused for them.
func UILocales(v url.Values) string {
	if locales := v.Get("ui_locales"); isWord(locales, " ", 1, maxLocales) {
		return locales
	}
	return ""
}

// leastToken and mostToken bound state, nonce and challenge: base64url, and a dot in
// the state.
const leastToken, mostToken = 22, 128

// isWord tells whether s consists of characters of base64url and others, and how
// many. An expression that counts so far would take a megabyte.
func isWord(s, others string, least, most int) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == '-' || strings.IndexByte(others, c) >= 0) {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}

// Values returns the request as the query of AuthorizePath.
func (r Request) Values() url.Values {
	v := url.Values{
		"site": {string(r.Site)}, "state": {r.State}, "nonce": {r.Nonce}, "code_challenge": {r.Challenge},
	}
	if r.Silent {
		v.Set("prompt", "none")
	}
	if r.Notice != "" {
		v.Set("notice", string(r.Notice))
	}
	if r.UILocales != "" {
		v.Set("ui_locales", r.UILocales)
	}
	if r.Page != "" {
		v.Set("page", r.Page)
	}
	if r.needs != "" {
		v.Set("needs", r.needs)
	}
	return v
}

// ParseRequest reads a request and finds the publisher it concerns. Errors:
// ErrRequest.
func (s *Service) ParseRequest(v url.Values) (Request, authstore.Publisher, error) {
	r := Request{
		Site: publisher.Origin(v.Get("site")), State: v.Get("state"), Nonce: v.Get("nonce"),
		Challenge: v.Get("code_challenge"), Silent: v.Get("prompt") == "none", UILocales: UILocales(v), Page: Page(v),
	}
	r.Needs, r.needs = s.NeedsIn(v, r.Site)
	if n := Notice(v.Get("notice")); n == NoticeEnded || n == NoticeForm {
		r.Notice = n
	}
	for name, values := range v {
		if len(values) > 1 {
			return r, authstore.Publisher{}, fmt.Errorf("%w: %s is given twice", ErrRequest, name)
		}
	}
	for _, t := range []string{r.State, r.Nonce, r.Challenge} {
		if !isWord(t, ".", leastToken, mostToken) {
			return r, authstore.Publisher{}, fmt.Errorf("%w: state, nonce and code_challenge are needed", ErrRequest)
		}
	}
	p, ok := s.directory.BySite(r.Site)
	if !ok {
		return r, p, ErrSite
	}
	return r, p, nil
}

// Grant answers a request for a signed-in visitor: it returns the URL at the
// site, with a one-time code. The session's publisher must be the site's.
func (s *Service) Grant(ctx context.Context, r Request, visitor authstore.Session) (string, error) {
	p, ok := s.directory.BySite(r.Site)
	if !ok || p.ID != visitor.PublisherID {
		return "", fmt.Errorf("%w: the site is another publisher's", ErrRequest)
	}
	code := secret.New()
	err := s.store.IssueTicket(ctx, secret.Digest(code), authstore.Ticket{
		Purpose: purposeCode, PublisherID: p.ID, CustomerID: visitor.CustomerID, SessionID: visitor.ID,
		Data:    map[string]string{"site": string(r.Site), "challenge": r.Challenge, "nonce": r.Nonce},
		Expires: s.store.Now().Add(codeLife),
	})
	if err != nil {
		return "", fmt.Errorf("storing a sign-in code: %w", err)
	}
	return s.callback(r, url.Values{"code": {code}}), nil
}

// Deny answers a silent request that cannot be granted: it returns the URL at
// the site, with LoginRequired or InteractionRequired.
func (s *Service) Deny(r Request, reason string) string {
	return s.callback(r, url.Values{"error": {reason}})
}

// callback returns the URL at the site. A silent request is made in case it
// helps, so that a browser without cookies has to end up at its page all the
// same: the answer brings the sealed page along.
func (s *Service) callback(r Request, v url.Values) string {
	if r.Silent && r.Page != "" {
		v.Set("page", r.Page)
	}
	v.Set("state", r.State)
	v.Set("iss", string(s.hub)) // RFC 9207: the site knows who answers
	return string(r.Site) + CallbackPath + "?" + v.Encode()
}

// challenge returns the S256 challenge of a verifier (RFC 7636, section 4.2).
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return secret.Encoding.EncodeToString(sum[:])
}
