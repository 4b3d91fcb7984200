// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"cmp"
	"net/http"

	"github.com/usher-sso/usher/internal/gate"
	"github.com/usher-sso/usher/internal/publisher"
)

// SitePages shows what a gate has to tell, at the site's own origin.
type SitePages struct {
	Hub       publisher.Origin
	Renderer  *Renderer
	Directory *publisher.Directory
}

var _ gate.Pages = SitePages{}

// chrome is in the language that the browser prefers: a site's pages have no
// query of ours.
func (s SitePages) chrome(r *http.Request, site publisher.Origin) Chrome {
	p, _ := s.Directory.BySite(site)
	return Chrome{
		Language: s.Renderer.language(r, p.Languages, "", ""), Languages: p.Languages, Sandbox: p.Sandbox,
		PublisherID: p.ID, PublisherName: p.Name, HubName: s.Hub.Host(), SiteName: site.Host(),
		AssetsPath: gate.ReservedPrefix + "assets/", FormOrigins: []string{string(s.Hub)},
	}
}

// SignOut asks before signing out.
func (s SitePages) SignOut(w http.ResponseWriter, r *http.Request, site publisher.Origin) {
	s.Renderer.SignOut(w, http.StatusOK, SignOut{
		Chrome: s.chrome(r, site), FormAction: gate.ReservedPrefix + "logout", CancelURL: "/",
	})
}

// Assets serves the style sheet.
func (s SitePages) Assets(w http.ResponseWriter, r *http.Request, path string) {
	at := *r.URL
	at.Path, at.RawPath = "/"+path, ""
	inner := *r
	inner.URL = &at
	s.Renderer.Assets().ServeHTTP(w, &inner)
}

// Problem tells what went wrong and what to do next, in the messages
// site.<kind>.heading, .sentence and .action.
func (s SitePages) Problem(w http.ResponseWriter, r *http.Request, p gate.Problem) {
	c := s.chrome(r, p.Site)
	words := "site." + string(p.Kind)
	c.Title = c.Language.Text(words + ".heading")
	s.Renderer.Problem(w, Problem{
		Chrome: c, Status: p.Status, Sentence: c.Language.Text(words + ".sentence"),
		ActionLabel: c.Language.Text(words + ".action"), ActionURL: cmp.Or(p.Return, "/"),
		Framed: p.Kind == gate.ProblemNotSignedIn,
	})
}
