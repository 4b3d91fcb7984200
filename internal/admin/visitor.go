// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/sso"
	"github.com/usher-sso/usher/internal/staff"
)

// ErrUnauthenticated says that nobody is signed in, and no server proved itself.
var ErrUnauthenticated = errors.New("sign in first")

// PublisherToken is the header in which a publisher's own server proves itself.
const PublisherToken = "X-Publisher-Token"

const (
	// staffCookie holds what proves a session of a staff member's.
	staffCookie = "__Host-usher-staff"

	// knownCookie tells that a staff member has signed in here before.
	knownCookie = "__Host-usher-staff-known"

	// knownLife is how long a browser is known after the last sign-in.
	knownLife = 180 * 24 * time.Hour
)

// ActorOf returns who sends a request: the server whose token it carries, or the
// staff member who is signed in in the browser, with a session that is complete.
// RemoteAddr of the request is the sender's. Errors: ErrUnauthenticated.
func (s *Service) ActorOf(r *http.Request) (Actor, error) {
	a := Actor{IP: clientIP(r)}
	if given := r.Header.Get(PublisherToken); given != "" {
		for _, p := range s.Directory.All() {
			if secret.Matches(p.TokenDigest, given) {
				a.Server = p.ID
				return a, nil
			}
		}
		return Actor{}, ErrUnauthenticated
	}
	m, session, err := s.Staff.Authenticate(r.Context(), s.Proof(r))
	if errors.Is(err, staff.ErrRefused) || err == nil && (!session.Complete || staff.NeedsSecondFactor(m)) {
		return Actor{}, ErrUnauthenticated
	}
	if err != nil {
		return Actor{}, err
	}
	a.Staff, a.Session = &m, &session
	return a, nil
}

// Proof returns what the browser holds of a staff session, or "".
func (s *Service) Proof(r *http.Request) string { return s.cookie(r, staffCookie) }

// Known returns what the browser holds of an earlier sign-in, see staff.Device, or
// "".
func (s *Service) Known(r *http.Request) string { return s.cookie(r, knownCookie) }

func (s *Service) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(sso.CookiesFor(s.Hub).Name(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// Device returns where a request comes from, as sign-ins want to know it.
func (s *Service) Device(r *http.Request) staff.Device {
	return staff.Device{IP: clientIP(r), UserAgent: r.UserAgent(), Known: s.Known(r), Before: s.Proof(r)}
}

// Remember gives the browser the proof of a staff session; "" takes it away.
func (s *Service) Remember(w http.ResponseWriter, proof string) {
	cookies := sso.CookiesFor(s.Hub)
	if proof == "" {
		cookies.Clear(w.Header(), staffCookie)
		return
	}
	cookies.Set(w.Header(), staffCookie, proof, authstore.StaffAbsolute)
}

// RememberKnown gives the browser what tells of a sign-in that was completed, see
// staff.Entry; "" changes nothing.
func (s *Service) RememberKnown(w http.ResponseWriter, known string) {
	if known != "" {
		sso.CookiesFor(s.Hub).Set(w.Header(), knownCookie, known, knownLife)
	}
}

// SameOrigin tells whether a request that changes something was sent by a page of
// the hub's.
func (s *Service) SameOrigin(r *http.Request) bool {
	return crossOrigin.Check(r) == nil && sso.SameOrigin(r, s.Hub)
}

// crossOrigin finds out what browsers say of requests from other origins.
var crossOrigin = http.NewCrossOriginProtection()

// clientIP returns the address of the sender without the port.
func clientIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// SetHeaders sets the headers of what an act exports.
func (a *Act) SetHeaders(h http.Header, d Download) {
	h.Set("Content-Type", a.Exports)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.Name}))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}
