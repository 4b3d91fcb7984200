// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

// visit is a request of a member of staff who is signed in.
type visit struct {
	desk  *Desk
	w     http.ResponseWriter
	r     *http.Request
	actor acts.Actor
	info  acts.PublisherInfo // whose page it is; zero on pages of none

	chrome Chrome
	query  url.Values // of a page, without what is the dashboard's own
	form   url.Values // of an act
	out    any        // what the act gave, where it is shown once
	status int        // of the answer; 0 is 200
}

// errNoPublisher says that there is no such publisher, or that the member has no
// role there.
var errNoPublisher = errors.New("no such publisher")

// arrive finds out who sends a request. It answers itself who is not signed in, and
// returns nil then.
func (d *Desk) arrive(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{desk: d, w: w, r: r, query: url.Values{}}
	actor, err := d.Service.ActorOf(r)
	if err == nil && actor.Staff == nil {
		err = acts.ErrUnauthenticated // a server has no business here
	}
	switch {
	case errors.Is(err, acts.ErrUnauthenticated):
		d.turnAway(w, r)
		return nil
	case err != nil:
		v.fail(err)
		return nil
	}
	v.act(actor)
	return v
}

// act makes an actor the visit's.
func (v *visit) act(a acts.Actor) {
	v.actor = a
	v.chrome.Member = &Member{Name: a.Staff.Name, Email: a.Staff.Email}
	v.chrome.Publishers = nil
	for _, p := range v.desk.Service.Publishers(a) {
		id, _ := strconv.ParseInt(p.ID, 10, 64)
		here := p.ID == v.info.ID
		v.chrome.Publishers = append(v.chrome.Publishers, PublisherLink{id, p.Name, string(p.Role), p.Sandbox, here})
	}
	if v.info.ID != "" {
		v.chrome.Member.Role = string(v.info.Role)
	}
}

// enter makes a page of the publisher's that the path names. Errors: errNoPublisher.
func (v *visit) enter() error {
	for _, p := range v.desk.Service.Publishers(v.actor) {
		if p.ID == v.r.PathValue("publisherId") {
			id, _ := strconv.ParseInt(p.ID, 10, 64)
			v.info, v.chrome.Publisher = p, &Publisher{id, p.Name, p.Sandbox}
			v.act(v.actor)
			return nil
		}
	}
	return errNoPublisher
}

// id returns the id of the visit's publisher.
func (v *visit) id() int64 {
	if v.chrome.Publisher == nil {
		return 0
	}
	return v.chrome.Publisher.ID
}

// may tells whether the member's role goes as far as an act. What it does not allow
// is not offered.
func (v *visit) may(act string) bool {
	a := acts.ActNamed(act)
	return a != nil && acts.Allows(authstore.Role(v.info.Role), a.Needs)
}

// place is where the visit's acts are done.
func (v *visit) place() acts.Place {
	return acts.Place{Publisher: v.r.PathValue("publisherId"), Param: v.r.PathValue}
}

// failure is an error of an act.
type failure struct {
	act *acts.Act
	err error
}

func (f *failure) Error() string { return f.act.Name + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// read does an act that only shows something, with a query that has the act's own names, and returns
// what it gives; nil asks for nothing in particular.
func read[Out any](v *visit, name string, query url.Values) (out Out, err error) {
	a := acts.ActNamed(name)
	input, err := a.FromForm(query)
	if err != nil {
		return out, &failure{a, err}
	}
	given, err := v.desk.Service.Do(v.r.Context(), v.actor, a, v.place(), input)
	if err != nil {
		return out, &failure{a, err}
	}
	return given.(Out), nil
}

// refusedQuery tells whether an error is about what a filter was filled in with. If so, the
// page can be shown with it: the filter says what is wrong.
func (v *visit) refusedQuery(err error) bool {
	var invalid *acts.InvalidError
	if !errors.As(err, &invalid) {
		return false
	}
	v.status = http.StatusUnprocessableEntity
	v.chrome.Refused = &Refused{Action: v.r.URL.Path, Values: v.query, Field: invalid.Field, Sentence: invalid.Sentence}
	return true
}

// address returns the address of a publisher's page, by the path values of a request.
func address(r *http.Request, path string) string {
	parts := strings.Split(strings.TrimPrefix(pattern(path), "/"), "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, "{"); ok {
			parts[i] = url.PathEscape(r.PathValue(strings.TrimSuffix(name, "}")))
		}
	}
	return "/" + strings.Join(parts, "/")
}
