// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package socialtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// This file is about people: the page where they choose who they are, and the code
// that a client gets for it.

// grant is what a person lets a client know.
type grant struct {
	client    Client
	person    Person
	redirect  string
	scope     []string
	nonce     string
	challenge string // of PKCE
	first     bool   // the person had not been at the client before
	offline   bool   // the client wants a refresh token
	ends      time.Time
	used      bool
}

func (g *grant) allows(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(g.scope, s) })
}

// pair names who has been where.
func (g *grant) pair() string { return g.client.ID + " " + g.person.Subject }

// codeLife is how long a code can be exchanged.
const codeLife = 10 * time.Minute

// question is an authorization request that is in order.
type question struct {
	provider Provider
	grant    grant
	state    string
	post     bool // the way back is a form
}

// desk is the place where a provider asks people.
type desk struct {
	provider Provider
	name     string
	hosts    []string
	paths    []string
	posts    bool // the way back may be a form: response_mode=form_post
	// more are demands of this provider; may be nil.
	more func(q url.Values) error
	// granted and denied are the parameters of the way back, without state.
	granted func(q question, code string) url.Values
	denied  url.Values
	// fragment is what the provider adds to the way back.
	fragment string
}

// at opens a desk for people.
func (in *Internet) at(d desk) {
	in.desks = append(in.desks, d)
	for _, host := range d.hosts {
		for _, pattern := range d.paths {
			in.pages.HandleFunc("GET "+host+pattern, func(w http.ResponseWriter, r *http.Request) { in.show(d, w, r) })
			in.pages.HandleFunc("POST "+host+pattern, func(w http.ResponseWriter, r *http.Request) { in.decide(d, w, r) })
		}
	}
}

// deskAt returns whom an address leads to.
func (in *Internet) deskAt(u *url.URL) (desk, error) {
	for _, d := range in.desks {
		fits := func(pattern string) bool {
			match, err := path.Match(strings.ReplaceAll(pattern, "{version}", "v*"), u.Path)
			return err == nil && match
		}
		if u.Scheme == "https" && slices.Contains(d.hosts, u.Host) && slices.ContainsFunc(d.paths, fits) {
			return d, nil
		}
	}
	return desk{}, fmt.Errorf("nobody is asked for consent at %s", u)
}

// read judges an authorization request; the caller holds mu.
func (in *Internet) read(d desk, q url.Values) (question, error) {
	client, known := in.providers[d.provider].clients[q.Get("client_id")]
	switch {
	case !known:
		return question{}, errors.New("invalid_client: the client is not known")
	case !slices.Contains(client.RedirectURIs, q.Get("redirect_uri")):
		return question{}, errors.New("redirect_uri_mismatch: the redirect URI is not one of the client's")
	case q.Get("response_type") != "code":
		return question{}, errors.New("invalid_request: the response type is not code")
	case q.Get("scope") == "" && d.provider == Google:
		return question{}, errors.New("invalid_request: missing required parameter: scope")
	case q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		return question{}, errors.New("invalid_request: the method of the challenge is not S256")
	}
	if d.more != nil {
		if err := d.more(q); err != nil {
			return question{}, err
		}
	}
	return question{
		provider: d.provider, state: q.Get("state"), post: d.posts && q.Get("response_mode") == "form_post",
		grant: grant{
			client: client, redirect: q.Get("redirect_uri"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"),
			scope: strings.FieldsFunc(q.Get("scope"), func(r rune) bool { return r == ' ' || r == ',' }), offline: q.Get("access_type") == "offline",
		},
	}, nil
}

// Callback is the way back to the client: an address to open or, with a Form, to
// post it to.
type Callback struct {
	URL  string
	Form url.Values
}

// back returns the way back with an answer.
func (d desk) back(q question, answer url.Values) Callback {
	if q.state != "" {
		answer.Set("state", q.state)
	}
	if q.post {
		return Callback{q.grant.redirect, answer}
	}
	u, err := url.Parse(q.grant.redirect)
	if err != nil {
		panic(err) // a test registered it
	}
	all := u.Query()
	for name, values := range answer {
		all[name] = values
	}
	u.RawQuery = all.Encode()
	if d.fragment != "" {
		u.Fragment = d.fragment
	}
	return Callback{URL: u.String()}
}

// allow is the way back of a person who agrees; the caller holds mu.
func (in *Internet) allow(d desk, q question, person Person) Callback {
	s, code := in.providers[d.provider], random()
	q.grant.person, q.grant.ends = person, in.now().Add(codeLife)
	q.grant.first = !s.known[q.grant.pair()]
	s.codes[code] = &q.grant
	return d.back(q, d.granted(q, code))
}

func (d desk) deny(q question) Callback {
	answer := url.Values{}
	for name, values := range d.denied {
		answer[name] = values
	}
	return d.back(q, answer)
}

// Consent does what a person does who opens an authorization request and agrees.
func (in *Internet) Consent(authURL string, person Person) (Callback, error) {
	return in.visit(authURL, func(d desk, q question) (Callback, error) {
		known, err := in.providers[d.provider].person(person.Subject)
		if err != nil {
			return Callback{}, err
		}
		return in.allow(d, q, known), nil
	})
}

// Cancel does what a person does who opens an authorization request and does not
// agree.
func (in *Internet) Cancel(authURL string) (Callback, error) {
	return in.visit(authURL, func(d desk, q question) (Callback, error) { return d.deny(q), nil })
}

func (in *Internet) visit(authURL string, act func(desk, question) (Callback, error)) (Callback, error) {
	u, err := url.Parse(authURL)
	if err != nil {
		return Callback{}, err
	}
	d, err := in.deskAt(u)
	if err != nil {
		return Callback{}, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	q, err := in.read(d, u.Query())
	if err != nil {
		return Callback{}, fmt.Errorf("%s: %w", authURL, err)
	}
	return act(d, q)
}

// show shows the page.
func (in *Internet) show(d desk, w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	q, err := in.read(d, r.URL.Query())
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		refusal.Execute(w, map[string]any{"Name": d.name, "Error": err.Error()})
		return
	}
	var ways []way
	for _, person := range in.providers[d.provider].people {
		one := way{Label: "Continue as " + person.label(), Subject: person.Subject}
		if q.post {
			// A form that is posted to another site can only be sent by the person.
			one.Callback = in.allow(d, q, person)
		}
		ways = append(ways, one)
	}
	last := way{Label: "Cancel"}
	if q.post {
		last.Callback = d.deny(q)
	}
	choice.Execute(w, map[string]any{"Name": d.name, "Client": q.grant.client.ID, "Ways": append(ways, last)})
}

// decide takes the choice of a person.
func (in *Internet) decide(d desk, w http.ResponseWriter, r *http.Request) {
	in.mu.Lock()
	defer in.mu.Unlock()
	q, err := in.read(d, r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if subject := r.PostFormValue("person"); subject != "" {
		person, err := in.providers[d.provider].person(subject)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, in.allow(d, q, person).URL, http.StatusFound)
		return
	}
	http.Redirect(w, r, d.deny(q).URL, http.StatusFound)
}

func (p Person) label() string {
	for _, name := range []string{p.Email, p.Name, p.Subject} {
		if name != "" {
			return name
		}
	}
	return "nobody"
}

// way is a button of the page, in a form of its own.
type way struct {
	Label, Subject string
	Callback       Callback // where it is posted to, if not to the page
}

var (
	choice = template.Must(template.New("choice").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in – {{.Name}}</title>
<link rel="icon" href="data:,">
<h1>Sign in with {{.Name}}</h1>
<p>{{.Client}} wants to know who you are.</p>
{{range .Ways}}<form method="post"{{with .Callback.URL}} action="{{.}}"{{end}}>
{{range $name, $values := .Callback.Form}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">
{{end}}{{end}}{{if and .Subject (not .Callback.URL)}}<input type="hidden" name="person" value="{{.Subject}}">
{{end}}<button data-person="{{.Subject}}">{{.Label}}</button>
</form>
{{end}}</html>
`))
	refusal = template.Must(template.New("refusal").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Error – {{.Name}}</title>
<link rel="icon" href="data:,">
<h1>Access blocked</h1>
<p>{{.Error}}</p>
</html>
`))
)

// Button is the CSS selector of the button by which a person agrees on the page of
// a provider; without a person, of the one that cancels.
func Button(p Person) string { return fmt.Sprintf("button[data-person=%q]", p.Subject) }

// problem is what is wrong with an exchange of a code.
type problem int

const (
	none problem = iota
	noClient
	wrongSecret
	wrongCode
	usedCode
	wrongRedirect
	noVerifier
	wrongVerifier
)

// exchange judges what a client sends to have a code exchanged, and marks the code
// as used if it is right; the caller holds mu.
func (in *Internet) exchange(p Provider, r *http.Request, clientID, secret string) (*grant, problem) {
	s := in.providers[p]
	client, known := s.clients[clientID]
	if !known {
		return nil, noClient
	}
	if !client.proves(secret, in.now()) {
		return nil, wrongSecret
	}
	g := s.codes[r.Form.Get("code")]
	switch {
	case g == nil || g.client.ID != clientID || in.now().After(g.ends):
		return nil, wrongCode
	case g.used:
		return nil, usedCode
	case g.redirect != r.Form.Get("redirect_uri"):
		return nil, wrongRedirect
	case g.challenge != "" && r.Form.Get("code_verifier") == "":
		return nil, noVerifier
	}
	digest := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
	if g.challenge != "" && g.challenge != encode(digest[:]) {
		return nil, wrongVerifier
	}
	g.used, s.known[g.pair()] = true, true
	return g, none
}

func (c Client) proves(secret string, now time.Time) bool {
	if c.apple != nil {
		return c.apple.signed(secret, c.ID, now)
	}
	return c.Secret != "" && subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) == 1
}

// tokenFor makes an access token that begins as the provider's do; the caller
// holds mu.
func (s *state) tokenFor(g *grant, prefix string) string {
	token := prefix + random() + random()
	s.tokens[token] = g
	return token
}

// bearer is the access token of a request.
func bearer(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return r.Form.Get("access_token")
}
