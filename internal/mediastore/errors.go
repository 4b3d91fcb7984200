// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/usher-sso/usher/internal/consent"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/session"
	"github.com/usher-sso/usher/internal/social"
)

// Error is a failure as the contract tells it (section 3.1). It has no
// responseData, on purpose: clients take an empty one for a session.
type Error struct {
	Status  int      `json:"-"`
	Code    string   `json:"code"`
	Message []string `json:"errors"`

	// Join is what is missing of somebody who signs in by an account elsewhere.
	Join *joinView `json:"join,omitempty"`
}

func (e *Error) Error() string { return e.Code + " " + e.Message[0] }

func failure(status int, code, message string) *Error {
	return &Error{Status: status, Code: code, Message: []string{message}}
}

// The failures of the contract that carry one message.
var (
	errBodyType       = failure(http.StatusUnsupportedMediaType, "REQ0415", "Content-Type must be application/json")
	errBody           = badBody("Invalid request body")
	errCustomerIP     = failure(http.StatusBadRequest, "REQ0002", "Invalid param customerIP")
	errPublisherParam = failure(http.StatusBadRequest, "REQ0003", "Invalid param publisherId")
	errCustomerParam  = failure(http.StatusBadRequest, "REQ0003", "Invalid path parameters")
	errNoTenant       = badBody("Empty param offerId or publisherId")
	errNoTenantParam  = failure(http.StatusBadRequest, "REQ0002", "Empty param offerId or publisherId")
	errPublisher      = failure(http.StatusUnprocessableEntity, "REQ0100", "Offer or publisher not found")
	errCredentials    = failure(http.StatusUnauthorized, "USER0001", "Wrong email or password")
	errWrongPassword  = failure(http.StatusUnprocessableEntity, "REQ0001", "Invalid password")
	errExists         = failure(http.StatusUnprocessableEntity, "USER0002", "Customer already exists")
	errNoJWT          = failure(http.StatusUnauthorized, "AUTH0001", "Missing required JWT")
	errJWT            = failure(http.StatusUnauthorized, "AUTH0002", "Invalid JWT token")
	errExpired        = failure(http.StatusUnauthorized, "AUTH0003", "token expired")
	errRefresh        = failure(http.StatusUnauthorized, "AUTH0003", "Refresh token is expired or does not exist")
	errTooMany        = failure(http.StatusTooManyRequests, "REQ0429", "Too many requests")
	errBusy           = failure(http.StatusServiceUnavailable, "S0002", "Service is busy, try again in a moment")
	errInternal       = failure(http.StatusInternalServerError, "S0001", "Internal Server Error")
	errUnavailable    = failure(http.StatusServiceUnavailable, "S0003", "Service is not available, try again in a moment")
	errMisdirected    = failure(http.StatusMisdirectedRequest, "REQ0421", "This host is not the hub")
	errNotFound       = failure(http.StatusNotFound, "REQ0404", "Not found")
)

// badBody is a failure of what was sent in the body.
func badBody(message string) *Error { return failure(http.StatusBadRequest, "REQ0001", message) }

// isPassword tells whether an error is about a password that cannot be set.
func isPassword(err error) bool {
	return errors.Is(err, customer.ErrPasswordShort) || errors.Is(err, customer.ErrPasswordLong) ||
		errors.Is(err, customer.ErrPasswordSimple) || errors.Is(err, customer.ErrPasswordCommon)
}

// badPassword is the message of such an error. One client looks for its first
// words in lower case, and for "score" in an answer about a guessable one.
func badPassword(err error) string {
	if errors.Is(err, customer.ErrPasswordCommon) {
		return "invalid param password: score does not match standards, " + err.Error()
	}
	return "invalid param password: " + err.Error()
}

// busyRetry is how long a client is asked to wait when all password hashing is
// taken; a queue of the default length is worked off sooner.
const busyRetry = 2 * time.Second

// Unavailable answers a request while there is no API to ask, because the store
// cannot be opened.
func Unavailable(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	if !Preflight(w, r) {
		refuse(w, errUnavailable, wait)
	}
}

// Misdirected answers a request for a host that is not the hub's.
func Misdirected(w http.ResponseWriter, r *http.Request) {
	if !Preflight(w, r) {
		refuse(w, errMisdirected, 0)
	}
}

// fail is the one place that turns errors into answers. What it does not know
// is an internal error: told as that, reported in full.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, social.ErrUnavailable) && r.Context().Err() == nil { // which an operator may have to mend
		a.Report(r, err)
	}
	known, wait := explain(err)
	if known == nil {
		if !errors.Is(err, context.Canceled) { // a client that left needs no attention
			a.Report(r, err)
		}
		known = errInternal
	}
	refuse(w, known, wait)
}

func refuse(w http.ResponseWriter, known *Error, wait time.Duration) {
	allow(w.Header())
	if wait > 0 {
		w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if known.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	write(w, known.Status, known)
}

// explain returns what the contract says of an error, or nil, and how long the
// client is to wait.
func explain(err error) (*Error, time.Duration) {
	var known *Error
	var limit *customer.LimitError
	switch {
	case errors.As(err, &known):
		return known, 0
	case errors.As(err, &limit):
		return errTooMany, limit.RetryAfter
	case errors.Is(err, customer.ErrBusy):
		return errBusy, busyRetry
	case errors.Is(err, customer.ErrEmail):
		return badBody("Please enter a valid e-mail address."), 0
	case errors.Is(err, customer.ErrCredentials):
		return errCredentials, 0
	case errors.Is(err, customer.ErrExists):
		return errExists, 0
	case errors.Is(err, customer.ErrExternalID):
		return failure(http.StatusUnprocessableEntity, "REQ0001", err.Error()), 0
	case errors.Is(err, customer.ErrResetToken):
		return errResetToken, 0
	case errors.Is(err, customer.ErrConfirmation):
		return errWrongPassword, 0
	case errors.Is(err, session.ErrRefused):
		return errJWT, 0
	case isPassword(err):
		return badBody(badPassword(err)), 0
	case errors.Is(err, consent.ErrUnknown), errors.Is(err, consent.ErrVersion), errors.Is(err, consent.ErrState):
		return failure(http.StatusUnprocessableEntity, "REQ0001", err.Error()), 0
	}
	return explainSocial(err)
}
