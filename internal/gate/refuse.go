// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/sso"
)

// turnAway does with a stranger at a path what the table says, and tells whether
// the request passes. A person gets to the hub by the same way for either reason;
// programs are told it. asked is the path that the visitor asked for.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request, site publisher.Origin, asked string, do action, lacks lack) (passes bool) {
	if do == ask && !g.mayAsk(w, r, site) {
		do = pass
	}
	if do == pass {
		return true
	}
	if lacks.forbidden && do != answer {
		g.forbid(w, r, site)
		return false
	}
	ours(w.Header())
	switch do {
	case lead, resend:
		g.lead(w, r, site, asked, do, lacks)
	case ask:
		redirect(w, http.StatusFound, g.sso.Begin(w, r, site, sso.Ask{Return: asked, Silent: true}))
	case showOut:
		g.pages.Problem(w, r, Problem{Kind: ProblemNotSignedIn, Status: http.StatusUnauthorized, Site: site, Return: asked})
	case answer:
		g.answerPreflight(w, r, site)
	default:
		g.allowSister(w, r, site)
		w.Header().Set("WWW-Authenticate", lacks.challenge())
		writeJSON(w, r, http.StatusUnauthorized, map[string]any{"error": lacks.reason, "loginUrl": g.loginURL(site, lacks.needs)})
	}
	return false
}

// loginURL is where a page sends its visitor who lacks something.
func (g *Gate) loginURL(site publisher.Origin, needs sso.Needs) string {
	address := string(site) + ReservedPrefix + "login"
	if sealed := g.sso.SealNeeds(needs, site); sealed != "" {
		address += "?needs=" + sealed
	}
	return address
}

// forbid tells somebody who is signed in that what they asked for is not for them,
// and never will be by anything that they do at the hub.
func (g *Gate) forbid(w http.ResponseWriter, r *http.Request, site publisher.Origin) {
	g.allowSister(w, r, site)
	w.Header().Set("WWW-Authenticate", judgement{forbidden: true}.challenge())
	g.refuse(w, r, Problem{Kind: ProblemForbidden, Status: http.StatusForbidden, Site: site, Return: "/"})
}

// lead redirects a person to the hub, unless they have just come from there
// signed in, or with what they lack: then the browser does not keep what proves
// it, and would be sent back and forth for ever.
func (g *Gate) lead(w http.ResponseWriter, r *http.Request, site publisher.Origin, asked string, do action, lacks lack) {
	cookies := sso.CookiesFor(site)
	value, had := findCookie(r.Header, cookies.Name(sso.SiteCookie))
	at, _ := findCookie(r.Header, cookies.Name(sso.ArrivedCookie))
	if g.inVain(at, site, value, lacks) {
		cookies.Clear(w.Header(), sso.ArrivedCookie)
		g.pages.Problem(w, r, Problem{Kind: ProblemLoop, Status: http.StatusUnauthorized, Site: site, Return: asked})
		return
	}
	question, status := sso.Ask{Return: asked, Needs: lacks.needs}, http.StatusFound
	if had && lacks.reason == sso.LoginRequired {
		question.Notice = sso.NoticeEnded
	}
	if do == resend {
		question.Return, question.Notice, status = pageOf(r, site, asked), sso.NoticeForm, http.StatusSeeOther
	}
	redirect(w, status, g.sso.Begin(w, r, site, question))
}

// inVain tells whether a person has just come from the hub with all that it can
// give them. at is what the browser keeps of that.
func (g *Gate) inVain(at string, site publisher.Origin, value string, lacks lack) bool {
	switch {
	case lacks.reason == sso.LoginRequired:
		return strings.HasPrefix(at, arrived(site, "")) && !g.over(value)
	case !lacks.needs.None():
		return at == arrived(site, lacks.needs.String())
	}
	return false
}

// over tells whether a site cookie is one of a session that was ended.
func (g *Gate) over(value string) bool {
	id, _, _, ok := splitCookie(value)
	return ok && g.sessions.Ended(id)
}

// pageOf returns the page of a site that a request came from, or else.
func pageOf(r *http.Request, site publisher.Origin, otherwise string) string {
	if u, err := url.Parse(r.Referer()); err == nil && u.Scheme+"://"+u.Host == string(site) {
		return u.RequestURI()
	}
	return otherwise
}

// mayAsk tells whether the hub may be asked without a page who a visitor of an
// optional path is: once, where it may know, and never a client that keeps no
// cookies, whom it would be asked about for ever.
func (g *Gate) mayAsk(w http.ResponseWriter, r *http.Request, site publisher.Origin) bool {
	cookies := sso.CookiesFor(site)
	if _, asked := findCookie(r.Header, cookies.Name(sso.NobodyCookie)); asked || g.policy.Silent == SilentOff || g.sso.Unanswered(r, site) {
		return false
	}
	if g.fromSister(r, site) {
		return true
	}
	if g.policy.Silent != SilentEager {
		return false
	}
	if _, kept := findCookie(r.Header, cookies.Name(sso.KeptCookie)); kept {
		cookies.Clear(w.Header(), sso.KeptCookie) // whoever loses the answer has to show it anew
		return true
	}
	cookies.Set(w.Header(), sso.KeptCookie, "1", nobodyFor)
	return false
}

// nobodyFor is how long the hub's answer that nobody is signed in holds.
const nobodyFor = 30 * time.Minute

// fromSister tells whether a visitor comes from another site of the publisher or
// from the hub.
func (g *Gate) fromSister(r *http.Request, site publisher.Origin) bool {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host == "" {
		return false
	}
	from := publisher.Origin(u.Scheme + "://" + u.Host)
	return from != site && (from == g.hub || g.sisters(site, from))
}

func redirect(w http.ResponseWriter, status int, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// answerPreflight lets a page of a sister site send its request, which then
// meets the gate like any other. It says nothing to pages of other sites.
func (g *Gate) answerPreflight(w http.ResponseWriter, r *http.Request, site publisher.Origin) {
	if h := w.Header(); g.allowSister(w, r, site) {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type")
	}
	w.WriteHeader(http.StatusNoContent)
}

// allowSister lets a page of a sister site read the answer, so that it learns
// that its visitor has to sign in.
func (g *Gate) allowSister(w http.ResponseWriter, r *http.Request, site publisher.Origin) bool {
	origin := r.Header.Get("Origin")
	w.Header().Add("Vary", "Origin")
	if origin == "" || !g.sisters(site, publisher.Origin(origin)) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true") // sites of one domain share what browsers send
	return true
}

// sisters tells whether two sites belong to one publisher.
func (g *Gate) sisters(a, b publisher.Origin) bool {
	p, ok := g.directory.BySite(a)
	q, ok2 := g.directory.BySite(b)
	return ok && ok2 && p.ID == q.ID
}

// refuse answers with a problem, as a page to people and as JSON to programs.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, p Problem) {
	ours(w.Header())
	if wantsHTML(r.Header) {
		g.pages.Problem(w, r, p)
		return
	}
	writeJSON(w, r, p.Status, map[string]any{"error": string(p.Kind)})
}

// ours marks an answer as the gate's own: never to be kept, and different for
// the next request.
func ours(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Sec-Fetch-Mode, Sec-Fetch-Dest")
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("encoding an answer of the gate: " + err.Error()) // maps of plain values always encode
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
