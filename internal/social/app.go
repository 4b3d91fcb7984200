// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package social

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
)

// AppRequest is an app's wish to sign somebody in by the browser (RFC 8252).
type AppRequest struct {
	Redirect  string `json:"r"`
	State     string `json:"s"`
	Challenge string `json:"c"` // RFC 7636, S256
}

const (
	// maxAsked is the longest address that an app may ask for, the longest that browsers
	// and servers agree on.
	maxAsked = 2000

	// maxState bounds what an app can make pages carry on.
	maxState = 500

	// maxVerifier is the greatest length of a verifier (RFC 7636, section 4.1).
	maxVerifier = 128
)

// challengeForm is a SHA-256 in base64url (RFC 7636, section 4.2).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// CheckApp tells whether a publisher allows what an app asks. Errors: ErrRedirect,
// ErrRefused for a challenge that is none.
func (s *Service) CheckApp(p authstore.Publisher, r AppRequest) error {
	switch {
	case !s.allows(p, r.Redirect):
		return ErrRedirect
	case !challengeForm.MatchString(r.Challenge):
		return fmt.Errorf("%w: the code challenge is none of the method S256", ErrRefused)
	case len(r.State) > maxState:
		return fmt.Errorf("%w: the state is too long", ErrRefused)
	}
	return nil
}

// allows tells whether a publisher's apps may be led to an address. What browsers and
// parsers may read differently is refused.
func (s *Service) allows(p authstore.Publisher, redirect string) bool {
	plain := func(c rune) bool { return c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' }
	if redirect == "" || len(redirect) > maxAsked || strings.ContainsFunc(redirect, plain) {
		return false
	}
	u, err := url.Parse(redirect)
	if err != nil || u.User != nil || u.Scheme == "" {
		return false
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		return !slices.Contains(active, u.Scheme) && slices.Contains(s.Redirects[p.ID], redirect)
	}
	origin, err := publisher.ParseOrigin(u.Scheme + "://" + u.Host)
	if err != nil || origin.Pattern() || u.Opaque != "" {
		return false
	}
	if slices.ContainsFunc(p.Sites, func(site string) bool { return publisher.Origin(site).Covers(origin) }) {
		return true
	}
	return slices.ContainsFunc(s.Redirects[p.ID], func(allowed string) bool {
		return allowed == redirect || sameLoopback(allowed, u)
	})
}

// active are schemes that make a browser run or show what the address says.
var active = []string{"javascript", "data", "vbscript", "blob", "file", "about", "view-source", "filesystem"}

// sameLoopback tells whether two addresses differ in the port of a loopback address
// alone: apps take whichever is free.
func sameLoopback(allowed string, u *url.URL) bool {
	a, err := url.Parse(allowed)
	if err != nil || a.Scheme != "http" || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() && a.Hostname() == u.Hostname() && a.EscapedPath() == u.EscapedPath() && a.RawQuery == u.RawQuery
}

func appContext(p authstore.Publisher) string { return "app/" + strconv.FormatInt(p.ID, 10) }

// SealApp returns a request as pages carry it on.
func (s *Service) SealApp(p authstore.Publisher, r AppRequest) string {
	b, err := json.Marshal(r)
	if err != nil {
		panic("encoding an app's request: " + err.Error()) // plain values always encode
	}
	return s.sealer.Seal(b, appContext(p))
}

// OpenApp reads what SealApp wrote. Errors: ErrRefused, also when the publisher does not
// allow it any more.
func (s *Service) OpenApp(p authstore.Publisher, sealed string) (AppRequest, error) {
	var r AppRequest
	b, err := s.sealer.Open(sealed, appContext(p))
	if err != nil || json.Unmarshal(b, &r) != nil || s.CheckApp(p, r) != nil {
		return AppRequest{}, ErrRefused
	}
	return r, nil
}

// AppCodeLife is how long an app may take to redeem a code.
const AppCodeLife = time.Minute

// purposeApp is the purpose of the tickets behind apps' codes.
const purposeApp authstore.Purpose = "app code"

// The names in the Data of those.
const (
	appRedirect  = "redirect"
	appChallenge = "challenge"
)

// GrantApp returns where to lead the browser: to the app, with a code for the customer
// of a session. Errors: those of CheckApp.
func (s *Service) GrantApp(ctx context.Context, p authstore.Publisher, h authstore.Session, r AppRequest) (string, error) {
	if err := s.CheckApp(p, r); err != nil {
		return "", err
	}
	if h.PublisherID != p.ID {
		return "", fmt.Errorf("%w: the session is with another publisher", ErrRefused)
	}
	u, err := url.Parse(r.Redirect)
	if err != nil {
		return "", ErrRedirect
	}
	code := secret.New()
	err = s.store.IssueTicket(ctx, secret.Digest(code), authstore.Ticket{
		Purpose: purposeApp, PublisherID: p.ID, CustomerID: h.CustomerID, SessionID: h.ID,
		Data: map[string]string{appRedirect: r.Redirect, appChallenge: r.Challenge}, Expires: s.store.Now().Add(AppCodeLife),
	})
	if err != nil {
		return "", fmt.Errorf("storing an app's code: %w", err)
	}
	answer := url.Values{"code": {code}, "iss": {string(s.Hub)}} // RFC 9207
	if r.State != "" {
		answer.Set("state", r.State)
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += answer.Encode()
	return u.String(), nil
}

// RedeemApp starts a session for an app's code. What is shown with it and wrong does
// not use it up: who has only the code shall not keep the app from it. Errors: ErrCode,
// ErrClosed.
func (s *Service) RedeemApp(ctx context.Context, p authstore.Publisher, code, verifier, redirect string, from customer.Arrival) (customer.Entry, error) {
	use := authstore.TicketUse{Digest: secret.Digest(code), Purpose: purposeApp}
	t, err := s.store.Ticket(ctx, use.Digest, use.Purpose)
	if err == nil && (t.PublisherID != p.ID || t.Data[appRedirect] != redirect || !matches(t.Data[appChallenge], verifier)) {
		err = authstore.ErrNotFound
	}
	if err != nil {
		return customer.Entry{}, codeError(err)
	}
	c, err := s.store.Customer(ctx, t.CustomerID)
	if err == nil && c.Disabled {
		return customer.Entry{}, ErrClosed
	}
	if err != nil {
		return customer.Entry{}, codeError(err)
	}
	h, err := s.store.Session(ctx, t.SessionID)
	if err != nil {
		return customer.Entry{}, codeError(err)
	}
	started, given, err := s.Sessions.Exchange(ctx, c, h, use, from.Device, from.Start)
	if err != nil {
		return customer.Entry{}, codeError(err)
	}
	return customer.Entry{Customer: c, Session: started, Secrets: given}, nil
}

// matches tells whether a verifier is the one of a challenge.
func matches(challenge, verifier string) bool {
	return verifier != "" && len(verifier) <= maxVerifier && secret.Equal(challenge, oauth2.S256ChallengeFromVerifier(verifier))
}

func codeError(err error) error {
	if errors.Is(err, authstore.ErrNotFound) {
		return ErrCode
	}
	return fmt.Errorf("redeeming an app's code: %w", err)
}
