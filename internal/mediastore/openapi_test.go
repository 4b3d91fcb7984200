// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package mediastore_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/usher-sso/usher/internal/mediastore"
	"github.com/usher-sso/usher/internal/mediastore/openapitest"
	"github.com/usher-sso/usher/internal/publisher"
)

// description reads the description once, because that takes a while.
var description = sync.OnceValues(func() (*openapitest.Document, error) {
	b, err := os.ReadFile("openapi.json")
	if err != nil {
		return nil, err
	}
	return openapitest.Read(b)
})

func mustDescription(t *testing.T) *openapitest.Document {
	t.Helper()
	d, err := description()
	must(t, err)
	return d
}

// mounted returns the patterns that Mount and MountCallbacks name. ServeMux cannot list what was
// registered, so they are read where they are written.
func mounted(t *testing.T) []string {
	t.Helper()
	var declared []ast.Decl
	for _, name := range []string{"mediastore.go", "deletion.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		declared = append(declared, file.Decls...)
	}
	var patterns []string
	for _, d := range declared {
		if fn, ok := d.(*ast.FuncDecl); ok && (fn.Name.Name == "Mount" || fn.Name.Name == "MountCallbacks") {
			ast.Inspect(fn, func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
					pattern, err := strconv.Unquote(text.Value)
					must(t, err)
					patterns = append(patterns, pattern)
				}
				return true
			})
		}
	}
	slices.Sort(patterns)
	return patterns
}

func TestEveryRouteIsDescribedAndNothingElse(t *testing.T) {
	described := slices.Sorted(maps.Keys(mustDescription(t).Operations()))
	if routes := mounted(t); !slices.Equal(routes, described) {
		t.Errorf("mounted   %q\ndescribed %q", routes, described)
	}
	w := newWorld(t)
	for _, operation := range described {
		method, path, _ := strings.Cut(operation, " ")
		target := strings.NewReplacer("{customerId}", "512345678", "{publisherId}", "100000001", "{identityId}", "x").Replace(path)
		if _, pattern := w.mux.Handler(httptest.NewRequest(method, target, nil)); pattern != operation {
			t.Errorf("%s %s is answered by %q, want %q", method, target, pattern, operation)
		}
	}
}

func TestDescriptionIsPublished(t *testing.T) {
	w := newWorld(t)
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	readableAnywhere(t, recorder.Header())
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "public, max-age=3600"} {
		if got := recorder.Header().Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	file, err := os.ReadFile("openapi.json")
	must(t, err)
	if recorder.Code != http.StatusOK || !bytes.Equal(recorder.Body.Bytes(), file) {
		t.Errorf("status %d, %d bytes, want the %d of the file", recorder.Code, recorder.Body.Len(), len(file))
	}
}

func TestAnotherDescriptionIsPublishedInstead(t *testing.T) {
	given := mediastore.Description()
	given[0] = ' '
	if own := mediastore.Description(); own[0] != '{' {
		t.Error("a caller changes the API's own description")
	}
	mux := http.NewServeMux()
	mediastore.New(mediastore.Config{Directory: new(publisher.Directory), Description: given}).Mount(mux)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if !bytes.Equal(recorder.Body.Bytes(), given) {
		t.Errorf("%d bytes, want the %d given", recorder.Body.Len(), len(given))
	}
}
