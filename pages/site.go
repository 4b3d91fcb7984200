// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
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

func (s SitePages) chrome(site publisher.Origin) Chrome {
	p, _ := s.Directory.BySite(site)
	return Chrome{
		PublisherName: p.Name, HubName: s.Hub.Host(), SiteName: site.Host(),
		AssetsPath: gate.ReservedPrefix + "assets/", FormOrigins: []string{string(s.Hub)},
	}
}

// SignOut asks before signing out.
func (s SitePages) SignOut(w http.ResponseWriter, _ *http.Request, site publisher.Origin) {
	s.Renderer.SignOut(w, http.StatusOK, SignOut{
		Chrome: s.chrome(site), FormAction: gate.ReservedPrefix + "logout", CancelURL: "/",
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

// words are what a person is told of a gate's problem.
type words struct{ title, sentence, action string }

var problemWords = map[gate.ProblemKind]words{
	gate.ProblemPath: {"This address is not clear",
		"It can be read in more than one way. Please open the page from the site's own links.", "Go to the front page"},
	gate.ProblemNotFound: {"Nothing here",
		"There is no page at this address.", "Go to the front page"},
	gate.ProblemMethod: {"This does not work here",
		"The page was asked for in a way that it does not understand.", "Go to the front page"},
	gate.ProblemExpired: {"Please sign in again",
		"Your sign-in took too long or was begun in another window, or this browser keeps no cookies. " +
			"If this page comes back, please allow cookies for this site and check your device's clock.", "Continue"},
	gate.ProblemCode: {"Please sign in again",
		"This sign-in was used already or has expired. You need only continue.", "Continue"},
	gate.ProblemNotSignedIn: {"Please sign in",
		"You are not signed in, and signing in is not possible inside another page.", "Open this page on its own"},
	gate.ProblemForeign: {"This came from another site",
		"For your safety, signing out works only from this site itself.", "Go to the front page"},
	gate.ProblemUnavailable: {"We will be back in a moment",
		"We cannot check right now who is signed in. Please try again shortly.", "Try again"},
}

// Problem tells what went wrong and what to do next.
func (s SitePages) Problem(w http.ResponseWriter, _ *http.Request, p gate.Problem) {
	said := problemWords[p.Kind]
	back := p.Return
	if back == "" {
		back = "/"
	}
	view := Problem{
		Chrome: s.chrome(p.Site), Status: p.Status, Sentence: said.sentence,
		ActionLabel: said.action, ActionURL: back, Framed: p.Kind == gate.ProblemNotSignedIn,
	}
	view.Title = said.title
	s.Renderer.Problem(w, view)
}
