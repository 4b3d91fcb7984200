// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/sso"
)

// visit is what a viewer came to the hub for: to sign in at a site, or to see
// their account with a publisher. It travels in the query of every page, so
// that steps need not know of each other.
type visit struct {
	publisher authstore.Publisher
	request   *sso.Request // the site's question that brought the viewer, or nil
	query     string       // of all pages of this visit
}

// to returns the address of another page of the same visit.
func (v visit) to(path string) string {
	if v.query == "" {
		return path
	}
	return path + "?" + v.query
}

// next returns where every step leads back to: the one place that decides what
// is due.
func (v visit) next() string {
	if v.request != nil {
		return v.to(sso.AuthorizePath)
	}
	return v.to("/")
}

// visit reads what the viewer came for.
func (h *Hub) visit(r *http.Request) (visit, error) {
	q := r.URL.Query()
	if q.Has("state") {
		request, p, err := h.SSO.ParseRequest(q)
		if err != nil {
			return visit{}, dead{Problem{
				Chrome: Chrome{Title: "This sign-in cannot go on"}, Status: http.StatusBadRequest,
				Sentence: "The address is incomplete, or the site is not one of ours. Please go back to the site and sign in from there.",
			}}
		}
		return visit{publisher: p, request: &request, query: request.Values().Encode()}, nil
	}
	if p, ok := h.Directory.Only(); ok {
		return visit{publisher: p}, nil
	}
	id, err := publisher.ParseID(q.Get("publisher"))
	if p, ok := h.Directory.ByID(id); err == nil && ok {
		return visit{publisher: p, query: url.Values{"publisher": {strconv.FormatInt(id, 10)}}.Encode()}, nil
	}
	if p, ok := h.Directory.BySite(publisher.Origin(q.Get("site"))); ok {
		return visit{publisher: p, query: url.Values{"publisher": {strconv.FormatInt(p.ID, 10)}}.Encode()}, nil
	}
	return visit{}, dead{Problem{
		Chrome: Chrome{Title: "Which site are you looking for?"}, Status: http.StatusNotFound,
		Sentence: "Please open the site that you want to visit and sign in from there.",
	}}
}

func (h *Hub) chrome(v visit) Chrome {
	c := Chrome{PublisherName: v.publisher.Name, HubName: h.Origin.Host()}
	if v.request != nil {
		c.SiteName = v.request.Site.Host()
		c.FormOrigins = []string{string(v.request.Site)}
	}
	return c
}

// sites returns the links to the publisher's sites. A pattern is no address.
func sites(p authstore.Publisher) []Site {
	var list []Site
	for _, s := range p.Sites {
		if o := publisher.Origin(s); !o.Pattern() {
			list = append(list, Site{Name: o.Host(), URL: s + "/"})
		}
	}
	return list
}

// The hub's cookie holds one proof for each publisher that the browser has a
// session with.
const (
	proofSeparator = "~"

	// maxProofs bounds how many sessions one browser has; each costs a read.
	maxProofs = 8
)

func (h *Hub) proofs(r *http.Request) []string {
	c, err := r.Cookie(sso.CookiesFor(h.Origin).Name(sso.HubCookie))
	if err != nil || c.Value == "" {
		return nil
	}
	all := strings.Split(c.Value, proofSeparator)
	return all[:min(len(all), maxProofs)]
}

// signedIn returns the viewer's session with the publisher. Errors:
// session.ErrRefused when there is none.
func (h *Hub) signedIn(ctx context.Context, r *http.Request, p authstore.Publisher) (authstore.Session, error) {
	for _, proof := range h.proofs(r) {
		s, err := h.Sessions.AtHub(ctx, proof)
		if errors.Is(err, session.ErrRefused) {
			continue
		}
		if err != nil || s.PublisherID == p.ID {
			return s, err
		}
	}
	return authstore.Session{}, session.ErrRefused
}

// remember gives the browser the proof of a new session, and forgets that of
// an older one with the same publisher, and those that are over.
func (h *Hub) remember(w http.ResponseWriter, r *http.Request, p authstore.Publisher, proof string) {
	kept := []string{}
	if proof != "" {
		kept = append(kept, proof)
	}
	for _, old := range h.proofs(r) {
		s, err := h.Sessions.AtHub(r.Context(), old)
		over := errors.Is(err, session.ErrRefused) // a store that fails ends nothing
		if !over && s.PublisherID != p.ID && len(kept) < maxProofs {
			kept = append(kept, old)
		}
	}
	cookies := sso.CookiesFor(h.Origin)
	if len(kept) == 0 {
		cookies.Clear(w.Header(), sso.HubCookie)
		return
	}
	cookies.Set(w.Header(), sso.HubCookie, strings.Join(kept, proofSeparator), session.Longest)
}

// arrival describes a viewer who registers or logs in at the hub.
func (h *Hub) arrival(r *http.Request, v visit) (customer.Arrival, error) {
	a := customer.Arrival{
		Device: session.Device{IP: viewerIP(r), UserAgent: r.UserAgent()},
		Start:  session.AtHub,
	}
	old, err := h.signedIn(r.Context(), r, v.publisher)
	if err != nil && !errors.Is(err, session.ErrRefused) {
		return a, err
	}
	a.Replaced = old.ID
	if c, err := r.Cookie(sso.CookiesFor(h.Origin).Name(sso.DeviceCookie)); err == nil {
		a.Known = c.Value
	}
	return a, nil
}

// welcome gives the browser what a registration or login has earned it.
func (h *Hub) welcome(w http.ResponseWriter, r *http.Request, v visit, e customer.Entry) {
	h.remember(w, r, v.publisher, e.Secrets.Hub)
	sso.CookiesFor(h.Origin).Set(w.Header(), sso.DeviceCookie, e.Known, session.Longest)
	redirect(w, v.next())
}

func viewerIP(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return ap.Addr().Unmap().String()
}
