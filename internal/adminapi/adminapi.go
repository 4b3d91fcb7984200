// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package adminapi owns the REST API of the dashboard: it turns requests into acts
// and their outcomes into answers. It decides nothing; internal/admin does.
package adminapi

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/staff"
)

// Prefix is where the API is on the hub; a publisher's id and an act's path follow, or
// the path of what members of staff do with their own accounts.
const Prefix = "/admin/api/"

// API answers for the acts.
type API struct {
	service *admin.Service
	report  func(r *http.Request, err error)
}

// New returns an API. report hears of errors that the client is only told to be
// internal.
func New(service *admin.Service, report func(r *http.Request, err error)) *API {
	return &API{service, report}
}

// Mount registers all acts, and answers everything else below Prefix.
func (a *API) Mount(mux *http.ServeMux) {
	for _, act := range admin.Acts() {
		mux.Handle(act.Method+" "+Prefix+"{publisherId}/"+act.Path, a.handler(act, func(w http.ResponseWriter, r *http.Request) (any, error) {
			return a.do(w, r, act)
		}))
	}
	for _, act := range admin.OwnActs() {
		mux.Handle(act.Method+" "+Prefix+act.Path, a.handler(&act.Act, func(w http.ResponseWriter, r *http.Request) (any, error) {
			return a.service.DoOwn(w, r, act, func() ([]byte, error) { return input(w, r, &act.Act) })
		}))
	}
	mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, admin.ErrNotFound) })
}

// maxBody bounds what is sent; the largest is a picture in base64.
const maxBody = 128 << 10

var errType = errors.New("Content-Type must be application/json")

// handler answers with what do gives.
func (a *API) handler(act *admin.Act, do func(w http.ResponseWriter, r *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := do(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if d, ok := out.(admin.Download); ok {
			a.send(w, r, act, d)
			return
		}
		write(w, http.StatusOK, map[string]any{"responseData": out, "errors": []string{}})
	})
}

func (a *API) do(w http.ResponseWriter, r *http.Request, act *admin.Act) (any, error) {
	actor, err := a.service.ActorOf(r)
	if err != nil {
		return nil, err
	}
	if !act.Reads() && actor.Server == 0 && !a.service.SameOrigin(r) {
		return nil, admin.ErrOrigin
	}
	input, err := input(w, r, act)
	if err != nil {
		return nil, err
	}
	return a.service.Do(r.Context(), actor, act, admin.Place{Publisher: r.PathValue("publisherId"), Param: r.PathValue}, input)
}

// input returns what a request says beside its path: the query of one that reads,
// the body of one that acts.
func input(w http.ResponseWriter, r *http.Request, act *admin.Act) ([]byte, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !act.Reads() && len(query) > 0 {
		return nil, &admin.InvalidError{Sentence: "the query is not one that this takes"}
	}
	if act.Reads() {
		return act.FromForm(query)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, &admin.InvalidError{Sentence: "the body is larger than 128 KiB, or cannot be read"}
	}
	if given := r.Header.Get("Content-Type"); given != "" || len(body) > 0 {
		if kind, _, err := mime.ParseMediaType(given); err != nil || kind != "application/json" {
			return nil, errType
		}
	}
	return body, nil
}

// send streams an export. One that breaks off in the middle ends the connection, so
// that nobody takes it for whole.
func (a *API) send(w http.ResponseWriter, r *http.Request, act *admin.Act, d admin.Download) {
	act.SetHeaders(w.Header(), d)
	if err := d.Write(r.Context(), w); err != nil {
		a.report(r, err)
		panic(http.ErrAbortHandler)
	}
}

// failure is a failed request, in the form of the MediaStore contract.
type failure struct {
	status int
	wait   time.Duration

	Code   string   `json:"code"`
	Errors []string `json:"errors"`
	Field  string   `json:"field,omitempty"` // of the input
}

// explain returns what a client is told of an error; status 500 for what is not
// known.
func explain(err error) failure {
	var invalid *admin.InvalidError
	var limit *customer.LimitError
	say := func(status int, code string) failure {
		return failure{status: status, Code: code, Errors: []string{err.Error()}}
	}
	switch {
	case errors.As(err, &invalid):
		return failure{status: http.StatusUnprocessableEntity, Code: "ADM0001", Errors: []string{invalid.Error()}, Field: invalid.Field}
	case errors.Is(err, errType):
		return say(http.StatusUnsupportedMediaType, "REQ0415")
	case errors.As(err, &limit):
		f := say(http.StatusTooManyRequests, "REQ0429")
		f.wait = limit.RetryAfter
		return f
	case errors.Is(err, customer.ErrBusy):
		f := say(http.StatusServiceUnavailable, "S0002")
		f.wait = 2 * time.Second
		return f
	}
	for sentinel, f := range sentinels {
		if errors.Is(err, sentinel) {
			f.Errors = []string{sentinel.Error()}
			return f
		}
	}
	return failure{status: http.StatusInternalServerError, Code: "S0001", Errors: []string{"Internal Server Error"}}
}

var sentinels = map[error]failure{
	admin.ErrOrigin:          {status: http.StatusForbidden, Code: "ADM0005"},
	admin.ErrUnauthenticated: {status: http.StatusUnauthorized, Code: "AUTH0002"},
	admin.ErrForbidden:       {status: http.StatusForbidden, Code: "ADM0002"},
	admin.ErrStepUp:          {status: http.StatusForbidden, Code: "ADM0003"},
	admin.ErrNotFound:        {status: http.StatusNotFound, Code: "REQ0404"},
	admin.ErrDeclared:        {status: http.StatusConflict, Code: "ADM0004"},
	admin.ErrChanged:         {status: http.StatusConflict, Code: "ADM0006"},
	staff.ErrRefused:         {status: http.StatusUnauthorized, Code: "AUTH0002"}, // ended meanwhile
	staff.ErrInvitation:      {status: http.StatusNotFound, Code: "REQ0404"},
	staff.ErrCredentials:     {status: http.StatusForbidden, Code: "ADM0007"},
	staff.ErrCode:            {status: http.StatusForbidden, Code: "ADM0007"},
	staff.ErrConfirmation:    {status: http.StatusForbidden, Code: "ADM0007"},

	customer.ErrPasswordShort:  {status: http.StatusUnprocessableEntity, Code: "ADM0001", Field: "password"},
	customer.ErrPasswordLong:   {status: http.StatusUnprocessableEntity, Code: "ADM0001", Field: "password"},
	customer.ErrPasswordSimple: {status: http.StatusUnprocessableEntity, Code: "ADM0001", Field: "password"},
	customer.ErrPasswordCommon: {status: http.StatusUnprocessableEntity, Code: "ADM0001", Field: "password"},
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := explain(err)
	if f.status == http.StatusInternalServerError {
		a.report(r, err)
	}
	if f.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.wait.Seconds()))))
	}
	write(w, f.status, f)
}

func write(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("encoding an answer of the API: " + err.Error()) // our own types always encode
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}
