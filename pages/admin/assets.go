// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed assets/style.css assets/favicon.svg
var assetFiles embed.FS

// assetSet holds the files that pages refer to, each under a name that carries a
// digest of its content, so that browsers may keep every address for good.
type assetSet struct {
	files     map[string]asset  // by address: "style.0123456789abcdef.css"
	addresses map[string]string // by name: "style.css"
}

type asset struct {
	contentType string
	body        []byte
}

func loadAssets() (assetSet, error) {
	s := assetSet{files: make(map[string]asset), addresses: make(map[string]string)}
	for name, contentType := range map[string]string{
		"style.css":   "text/css; charset=utf-8",
		"favicon.svg": "image/svg+xml",
	} {
		body, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			return assetSet{}, fmt.Errorf("reading the asset %s: %w", name, err)
		}
		digest := sha256.Sum256(body)
		ext := path.Ext(name)
		address := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(digest[:8]) + ext
		s.files[address], s.addresses[name] = asset{contentType, body}, address
	}
	return s, nil
}

// address returns the name under which an asset is served, for the templates.
func (s assetSet) address(name string) (string, error) {
	if a, ok := s.addresses[name]; ok {
		return a, nil
	}
	return "", fmt.Errorf("no asset %s", name)
}

// Assets serves the stylesheet and the icon at the root of its path:
//
//	mux.Handle("/admin/assets/", http.StripPrefix("/admin/assets", r.Assets()))
func (r *Renderer) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		a, ok := r.assets.files[strings.TrimPrefix(req.URL.Path, "/")]
		if !ok {
			http.NotFound(w, req)
			return
		}
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Content-Type", a.contentType)
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(a.body))
	})
}
