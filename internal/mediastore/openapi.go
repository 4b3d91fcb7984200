// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore

import (
	_ "embed" // for the description
	"net/http"
)

// openapiDocument describes every endpoint that Mount registers (OpenAPI 3.1).
// It is written by hand; tests hold it to Mount and to what is really answered.
//
//go:embed openapi.json
var openapiDocument []byte

// openapi publishes the description of the API.
func (a *API) openapi(w http.ResponseWriter, _ *http.Request) {
	allow(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Write(openapiDocument)
}
