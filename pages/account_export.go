// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

func (h *Hub) exportView(r *http.Request, o owner) (AccountExport, error) {
	proof, err := h.proof(r, o)
	return AccountExport{Account: h.accountView(r, o), Proof: proof}, err
}

func (h *Hub) askExport(w http.ResponseWriter, r *http.Request, o owner) error {
	view, err := h.exportView(r, o)
	if err != nil {
		return err
	}
	h.Renderer.AccountExport(w, http.StatusOK, view)
	return nil
}

// export answers with a file: everything that is kept of the viewer.
func (h *Hub) export(w http.ResponseWriter, r *http.Request, o owner) error {
	proof, err := h.proof(r, o)
	if err == nil {
		err = h.proved(r, o, proof)
	}
	if err != nil {
		return h.refuseExport(w, r, o, err)
	}
	export, err := h.Customers.Export(r.Context(), o.publisher, o.customer.ID)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(export, "", "  ")
	if err != nil {
		return fmt.Errorf("writing an export: %w", err)
	}
	header := w.Header()
	setHeaders(header, new(Chrome), false)
	header.Set("Content-Type", "application/json")
	header.Set("Content-Disposition", `attachment; filename="account-`+export.Made.UTC().Format(time.DateOnly)+`.json"`)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // an error here means that the viewer has left
	return nil
}

func (h *Hub) refuseExport(w http.ResponseWriter, r *http.Request, o owner, wrong error) error {
	view, err := h.exportView(r, o)
	if err != nil {
		return err
	}
	status := o.refuse(w, wrong, &view.Account.Error, &view.Proof)
	if status == 0 {
		return wrong
	}
	h.Renderer.AccountExport(w, status, view)
	return nil
}

// AccountExport offers a viewer their data as a file.
type AccountExport struct {
	Account
	Proof
}

func (v *AccountExport) faults() []fault { return fields("current", v.CurrentError) }

// AccountExport writes the page where a viewer gets their data.
func (r *Renderer) AccountExport(w http.ResponseWriter, status int, v AccountExport) {
	r.write(w, status, "account_export", &v)
}
