// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/token"
)

// wantConsents insists on an access token of s that names the consents, and
// everything else of the session and its customer.
func (w *world) wantConsents(t *testing.T, s authstore.Session, want ...string) {
	t.Helper()
	raw, said, err := w.AccessToken(t.Context(), s, site)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.keys.Verify(raw, site)
	if err != nil || !slices.Equal(c.Consents, want) || !slices.Equal(said.Consents, want) {
		t.Errorf("consents %v, said %v, %v; want %v", c.Consents, said.Consents, err, want)
	}
	got := fmt.Sprintln(c.SessionID, c.CustomerID, c.PublisherID, c.OfferID, c.Audience, c.Email, c.ID == said.ID && c.ID != "")
	wanted := fmt.Sprintln(s.ID, w.customer.ID, 100_000_001, "S100000001_US", site, "ann@example.com", true)
	if got != wanted {
		t.Errorf("claims %s, want %s", got, wanted)
	}
	now := w.store.Now()
	if !c.IssuedAt.Equal(now) || !c.Expires.Equal(now.Add(15*time.Minute)) || !c.SignedInAt.Equal(s.Created) {
		t.Errorf("issued %v, expires %v, signed in %v at %v", c.IssuedAt, c.Expires, c.SignedInAt, now)
	}
}

func TestAccessTokenSaysWhoSignedInAndWhatTheyAccepted(t *testing.T) {
	w := newWorld(t)
	err := w.store.AnswerConsents(t.Context(), w.customer.ID, []authstore.ConsentRecord{
		{Name: "terms", Version: "1", State: authstore.Accepted},     // out of date
		{Name: "privacy", Version: "1", State: authstore.Declined},   // later accepted
		{Name: "marketing", Version: "1", State: authstore.Accepted}, // later declined
		{Name: "gone", Version: "1", State: authstore.Accepted},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := w.Start(t.Context(), w.customer, "S100000001_US", device, session.ByAPI, "")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Add(time.Hour)
	w.wantConsents(t, s, "marketing")
	err = w.store.AnswerConsents(t.Context(), w.customer.ID, []authstore.ConsentRecord{
		{Name: "marketing", Version: "1", State: authstore.Declined},
		{Name: "privacy", Version: "1", State: authstore.Accepted},
		{Name: "terms", Version: "2", State: authstore.Accepted},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.wantConsents(t, s, "terms", "privacy")
}

func TestAccessTokensDiffer(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.AtHub)
	first, a, err := w.AccessToken(t.Context(), s, site)
	if err != nil {
		t.Fatal(err)
	}
	second, b, err := w.AccessToken(t.Context(), s, site)
	if err != nil || first == second || a.ID == b.ID {
		t.Errorf("two tokens with the ids %s and %s, %v", a.ID, b.ID, err)
	}
}

func TestAccessTokenForTheAPIServesNoSite(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.ByAPI)
	raw, _, err := w.AccessToken(t.Context(), s, token.PublisherAudience(100_000_001))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.keys.VerifyForPublisher(raw); err != nil {
		t.Errorf("at the API: %v", err)
	}
	if _, err := w.keys.Verify(raw, site); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("at a site: %v, want ErrInvalid", err)
	}
}

func TestAccessTokenIsRefusedToADisabledCustomer(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.AtHub)
	if err := w.EndByDisabling(t.Context(), w.customer.ID); err != nil {
		t.Fatal(err)
	}
	if raw, _, err := w.AccessToken(t.Context(), s, site); !errors.Is(err, session.ErrRefused) || raw != "" {
		t.Errorf("disabled: %q, %v; want ErrRefused", raw, err)
	}
	_, err := w.store.ChangeCustomer(t.Context(), w.customer.ID, func(c *authstore.Customer) error { c.Disabled = false; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.AccessToken(t.Context(), s, site); err != nil {
		t.Errorf("enabled again: %v", err)
	}
	s.CustomerID = 123_456_789
	if raw, _, err := w.AccessToken(t.Context(), s, site); !errors.Is(err, session.ErrRefused) || raw != "" {
		t.Errorf("gone: %q, %v; want ErrRefused", raw, err)
	}
}

// A publisher that a reload has removed lets nobody in any more, whatever a token
// from before says.
func TestTokenOfAPublisherThatIsGoneIsRefused(t *testing.T) {
	w := newWorld(t)
	s, _ := w.mustStart(t, session.AtHub)
	claims, err := w.Claims(t.Context(), s, site)
	if err != nil {
		t.Fatal(err)
	}
	claims.PublisherID = 999_999_999
	if got, err := w.Current(t.Context(), claims); !errors.Is(err, session.ErrRefused) || got.SessionID != "" {
		t.Errorf("current: %+v, %v; want ErrRefused", got, err)
	}
	s.PublisherID = 999_999_999
	if raw, _, err := w.AccessToken(t.Context(), s, site); !errors.Is(err, session.ErrRefused) || raw != "" {
		t.Errorf("a new one: %q, %v; want ErrRefused", raw, err)
	}
}
