// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/flow"
)

// mountSteps registers the pages of what may be due on a viewer's way in, and
// those that mails lead to. Each shows itself only while there is something for
// it to do, and leads back to where the next step is decided.
func (h *Hub) mountSteps(mux *http.ServeMux) {
	mux.Handle("GET "+reauthenticatePath, h.page(h.askReauthenticate))
	mux.Handle("POST "+reauthenticatePath, h.form(h.reauthenticate))
	mux.Handle("GET "+customer.VerifyPath, h.page(h.askVerify))
	mux.Handle("POST "+customer.VerifyPath, h.form(h.verify))
	mux.Handle("POST "+customer.VerifyPath+"/again", h.form(h.verifyAgain))
	mux.Handle("GET "+customer.ConfirmPath, h.page(h.askConfirm))
	mux.Handle("POST "+customer.ConfirmPath, h.form(h.confirm))
	mux.Handle("GET "+customer.UndoPath, h.page(h.askUndo))
	mux.Handle("POST "+customer.UndoPath, h.form(h.undo))
	mux.Handle("GET /consents", h.page(h.askConsents))
	mux.Handle("POST /consents", h.form(h.consents))
	mux.Handle("GET /capture", h.page(h.askCapture))
	mux.Handle("POST /capture", h.form(h.capture))
	mux.Handle("GET "+pageAnswers.path(), h.page(h.own(pageAnswers, h.askAnswers)))
	mux.Handle("POST "+pageAnswers.path(), h.form(h.own(pageAnswers, h.answers)))
	mux.Handle("POST /forgot/code", h.form(h.forgotCode))
}

// stepChrome is the chrome of a step's page. A step that only the page of a site
// needs that the viewer asked for leaves them the rest of the site.
func (h *Hub) stepChrome(v visit, step flow.Step, s authstore.Session, st authstore.Standing) Chrome {
	c, now := h.chrome(v), h.Store.Now()
	if v.request == nil || flow.Demanded(step, v.publisher, st, now) || !flow.Demanded(step, v.demanding(), st, now) {
		return c
	}
	// Questions meet whoever signs in at a site first, and stop nobody after that.
	if _, inside := s.Sites[string(v.request.Site)]; inside || step != flow.Capture {
		c.WithoutURL = v.site()
	}
	return c
}
