// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import "net/http"

func (h *Hub) deleteView(r *http.Request, o owner) (AccountDelete, error) {
	proof, err := h.proof(r, o)
	return AccountDelete{Account: h.accountView(r, o), Proof: proof, ExportURL: o.to(pageExport.path())}, err
}

func (h *Hub) askDelete(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.deleteView(r, o)
	if err != nil {
		return err
	}
	h.Renderer.AccountDelete(w, http.StatusOK, view)
	return nil
}

func (h *Hub) delete(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.deleteView(r, o)
	if err != nil {
		return err
	}
	if view.Understood = r.PostForm.Get("understood") != ""; !view.Understood {
		view.UnderstoodError = o.say("account.delete.understood.missing")
		view.CurrentError = o.sayIf(r.PostForm.Get("current") == "" && !view.Proof.Given, "account.current.wrong")
		h.Renderer.AccountDelete(w, http.StatusUnprocessableEntity, view)
		return nil
	}
	err = h.proved(r, o, view.Proof)
	if err == nil {
		err = h.Customers.Erase(r.Context(), o.customer.ID)
	}
	if err == nil {
		h.over(w, r, o, "account.delete.done")
		return nil
	}
	status := o.refuse(w, err, &view.Account.Error, &view.Proof)
	if status == 0 {
		return err
	}
	h.Renderer.AccountDelete(w, status, view)
	return nil
}

// over tells a viewer whose sessions have all ended why, in the messages
// <words>.heading and .lead. It answers the form itself: an address that says so
// could be sent to somebody of whom it is not true.
func (h *Hub) over(w http.ResponseWriter, r *http.Request, o owner, words string) {
	h.remember(w, r, o.publisher, "")
	view := AccountOver{Account: Account{Chrome: h.forget(w, o.visit)}, Lead: o.say(words + ".lead"), FrontURL: o.to("/")}
	view.Title, view.AccountURL = o.say(words+".heading"), ""
	h.Renderer.AccountOver(w, http.StatusOK, view)
}

// AccountDelete asks before an account is deleted: the password, and the field
// "understood".
type AccountDelete struct {
	Account
	Proof

	Understood      bool   // was ticked before
	UnderstoodError string // one sentence below the checkbox
	ExportURL       string // where to get the data first
}

func (v *AccountDelete) faults() []fault {
	return fields("current", v.CurrentError, "understood", v.UnderstoodError)
}

// AccountDelete writes the page that deletes a viewer's account.
func (r *Renderer) AccountDelete(w http.ResponseWriter, status int, v AccountDelete) {
	r.write(w, status, "account_delete", &v)
}

// AccountOver tells a viewer that they are signed out everywhere, and why. Its
// Title is the heading.
type AccountOver struct {
	Account

	Lead     string
	FrontURL string
}

// AccountOver writes the page that tells why a viewer is signed out.
func (r *Renderer) AccountOver(w http.ResponseWriter, status int, v AccountOver) {
	r.write(w, status, "account_over", &v)
}
