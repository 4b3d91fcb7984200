// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	"bytes"
	_ "embed" // for the description
	"net/http"
)

// openapiDocument describes every endpoint that Mount registers (OpenAPI 3.1).
// It is written by hand; tests hold it to Mount and to what is really answered.
//
//go:embed openapi.json
var openapiDocument []byte

// Description returns what describes the API, in OpenAPI 3.1 and JSON. The caller may
// change it.
func Description() []byte { return bytes.Clone(openapiDocument) }

// openapi publishes the description of the API.
func (a *API) openapi(w http.ResponseWriter, _ *http.Request) {
	allow(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	if len(a.Description) > 0 {
		w.Write(a.Description)
		return
	}
	w.Write(openapiDocument)
}
