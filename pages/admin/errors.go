// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// problem is what a member is told of an error.
type problem struct {
	status  int
	heading string // "" is the status's own, as is says
	says    string
	wait    time.Duration // until another try may help
}

// problemsOf are the errors that are no fault of ours.
var problemsOf = []struct {
	err error
	is  problem
}{
	{acts.ErrOrigin, problem{status: http.StatusForbidden, heading: "This form came from elsewhere",
		says: "Forms are taken only from the dashboard's own pages. Nothing was changed. Open the page again and send it from there."}},
	{errForm, problem{status: http.StatusBadRequest}},
	{errNoPublisher, problem{status: http.StatusNotFound, heading: "There is no such publisher", says: "The address is wrong, or you have no role there."}},
	{acts.ErrForbidden, problem{status: http.StatusForbidden}},
	{acts.ErrNotFound, problem{status: http.StatusNotFound}},
	{acts.ErrDeclared, problem{status: http.StatusConflict, heading: "This is set elsewhere",
		says: "It is set in the server's configuration file and can be changed only there. Nothing was changed."}},
	{acts.ErrChanged, problem{status: http.StatusConflict}},
	{customer.ErrBusy, problem{status: http.StatusServiceUnavailable, wait: 2 * time.Second}},
	{staff.ErrInvitation, problem{status: http.StatusNotFound, heading: "This invitation is no longer good",
		says: "It was used or withdrawn, a newer one was made, or it is older than three days. Ask for another one."}},
	{staff.ErrIncomplete, problem{status: http.StatusForbidden}},
}

func explain(err error) problem {
	var limit *customer.LimitError
	var large *http.MaxBytesError
	var invalid *acts.InvalidError
	switch {
	case errors.As(err, &limit):
		return problem{status: http.StatusTooManyRequests, wait: limit.RetryAfter}
	case errors.As(err, &large):
		return problem{status: http.StatusRequestEntityTooLarge}
	case errors.As(err, &invalid):
		return problem{status: http.StatusBadRequest, says: sentence(invalid.Field, invalid.Sentence)}
	}
	for _, p := range problemsOf {
		if errors.Is(err, p.err) {
			return p.is
		}
	}
	return problem{status: http.StatusInternalServerError}
}

// fail answers with a page about what went wrong. It is the one place that knows
// which error is what.
func (v *visit) fail(err error) {
	if errors.Is(err, acts.ErrUnauthenticated) || errors.Is(err, staff.ErrRefused) { // the session ended meanwhile
		v.desk.turnAway(v.w, v.r)
		return
	}
	p := explain(err)
	if p.status == http.StatusInternalServerError {
		v.desk.Report(v.r, err)
	}
	if p.wait > 0 {
		v.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.wait.Seconds()))))
	}
	page := &Problem{Chrome: v.chrome, Status: p.status, Heading: p.heading, Says: p.says}
	var f *failure
	if errors.Is(err, acts.ErrForbidden) && errors.As(err, &f) {
		page.Need = neededRoles(f.act.Needs)
	}
	if errors.Is(err, acts.ErrChanged) || errors.Is(err, acts.ErrDeclared) {
		page.Retry = v.back()
	}
	v.desk.Renderer.Show(v.w, p.status, page)
}

// back leads to the page whose form was sent.
func (v *visit) back() Link {
	var path string
	for _, a := range acts.Acts() {
		if !a.Reads() && "POST "+pattern(a.Path) == v.r.Pattern {
			path = v.formPage(v.desk.outcomes[a.Name])
		}
	}
	return Link{"Load the page again", address(v.r, path)}
}

// neededRoles names the roles that have a permission: "Support or Owner".
func neededRoles(p acts.Permission) string {
	var names []string
	for _, role := range acts.Needed(p) {
		names = append(names, roleName(string(role)))
	}
	return strings.Join(names, " or ")
}

// nothing answers for addresses that lead nowhere.
func (d *Desk) nothing(w http.ResponseWriter, r *http.Request) {
	if v := d.arrive(w, r); v != nil {
		v.fail(acts.ErrNotFound)
	}
}
