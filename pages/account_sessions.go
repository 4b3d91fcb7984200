// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/notice"
)

// maxSessions bounds how many devices the page lists: an app that signs in each
// time it starts leaves many. All of them can be signed out in one step.
const maxSessions = 50

func (h *Hub) askSessions(w http.ResponseWriter, r *http.Request, o owner) error {
	sessions, err := h.Store.CustomerSessions(r.Context(), o.customer.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(sessions, func(a, b authstore.Session) int {
		switch o.session.ID {
		case a.ID:
			return -1
		case b.ID:
			return 1
		}
		return b.Seen.Compare(a.Seen)
	})
	view := AccountSessions{Account: h.accountView(r, o), Others: len(sessions) > 1}
	if len(sessions) > maxSessions {
		sessions, view.Shortened = sessions[:maxSessions], true
	}
	for _, s := range sessions {
		view.Sessions = append(view.Sessions, h.sessionView(o, s))
	}
	h.Renderer.AccountSessions(w, http.StatusOK, view)
	return nil
}

func (h *Hub) sessionView(o owner, s authstore.Session) AccountSession {
	v := AccountSession{
		ID: s.ID, Device: notice.DeviceName(s.UserAgent), SignedIn: s.Created, Seen: s.Seen, Current: s.ID == o.session.ID,
	}
	if addr, err := netip.ParseAddr(s.IP); err == nil {
		v.Place = o.language.Country(h.Locale.CountryOf("", addr))
	}
	return v
}

// sessions signs out one device, or all but this one.
func (h *Hub) sessions(w http.ResponseWriter, r *http.Request, o owner) error {
	id := r.PostForm.Get("session")
	switch {
	case r.PostForm.Get("others") != "":
		if err := h.Sessions.EndAll(r.Context(), o.customer.ID, o.session.ID); err != nil {
			return err
		}
		o.done(w, "others")
		return nil
	case id == o.session.ID:
		return h.logout(w, r, o.visit)
	}
	if err := h.Customers.EndSession(r.Context(), o.customer.ID, id); err != nil {
		return err
	}
	o.done(w, "ended")
	return nil
}

// AccountSessions lists where a viewer is signed in. A button in each row posts
// its session's id as "session"; another one posts "others".
type AccountSessions struct {
	Account

	Sessions  []AccountSession // this device first, then those that were used last
	Others    bool             // there are more than this one
	Shortened bool             // there are more than are listed
}

// AccountSession is one device.
type AccountSession struct {
	ID       string
	Device   string // such as "Firefox, Mac"; "" when nobody knows
	Place    string // the name of a country; "" when nobody knows
	SignedIn time.Time
	Seen     time.Time
	Current  bool // the device that the viewer holds
}

// sessionID names a device in the page by its place in the list.
func sessionID(i int) string { return "session-" + strconv.Itoa(i) }

// AccountSessions writes the page with a viewer's devices.
func (r *Renderer) AccountSessions(w http.ResponseWriter, status int, v AccountSessions) {
	r.write(w, status, "account_sessions", &v)
}
