// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/usher-sso/usher/internal/social"
)

// maxSigned bounds a form with a signed request, which takes a few hundred bytes.
const maxSigned = 16 << 10

var (
	errFormType = failure(http.StatusUnsupportedMediaType, "REQ0415", "Content-Type must be application/x-www-form-urlencoded")
	errSigned   = badBody("Invalid param signed_request")
)

// MountCallbacks registers what providers call, on the hub alone.
func (a *API) MountCallbacks(mux *http.ServeMux) {
	mux.HandleFunc("POST /login/facebook/deletion", a.facebookDeletion)
}

// facebookDeletion is where Facebook tells that somebody wants to be forgotten. The
// signature tells which publisher's app it is about. The answer is Facebook's and not
// the contract's
// (https://developers.facebook.com/docs/development/create-an-app/app-dashboard/data-deletion-callback).
func (a *API) facebookDeletion(w http.ResponseWriter, r *http.Request) {
	signed, err := signedRequest(w, r)
	if err == nil && a.Social == nil {
		err = errSigned
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	code, err := a.Social.Delete(r.Context(), signed)
	if errors.Is(err, social.ErrRefused) {
		err = errSigned
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	allow(w.Header())
	write(w, http.StatusOK, map[string]string{
		"url": string(a.Hub) + social.DeletionPath + url.PathEscape(code), "confirmation_code": code,
	})
}

// signedRequest returns the one field of the form.
func signedRequest(w http.ResponseWriter, r *http.Request) (string, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return "", errFormType
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxSigned)
	if r.ParseForm() != nil || len(r.PostForm["signed_request"]) != 1 {
		return "", errSigned
	}
	return r.PostForm.Get("signed_request"), nil
}
