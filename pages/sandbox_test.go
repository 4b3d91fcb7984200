// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestEveryPageOfASandboxSaysSo(t *testing.T) {
	r := mustRenderer(t)
	for _, l := range r.catalog.All() {
		for _, page := range pageNames {
			for _, sandbox := range []bool{true, false} {
				v := blanks[page]()
				v.chrome().Language, v.chrome().Sandbox = l, sandbox
				r.complete(v.chrome())
				var b bytes.Buffer
				if err := r.execute(&b, page, v); err != nil {
					t.Fatal(err)
				}
				mark := `<aside class="sandbox"><p>` + l.Text("layout.sandbox") + "</p></aside>"
				if strings.Contains(b.String(), mark) != sandbox || strings.Contains(b.String(), "sandbox") != sandbox {
					t.Errorf("%s in %s, sandbox %t: the mark is there %t", page, l.Tag, sandbox, !sandbox)
				}
			}
		}
	}
}

// logoOf returns a picture that no other number has.
func logoOf(t *testing.T, i int) *Image {
	t.Helper()
	picture, err := NewImage(fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" id="a%d"/>`, i))
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// served tells whether a file is.
func served(r *Renderer, address string) bool {
	w := httptest.NewRecorder()
	r.Assets().ServeHTTP(w, httptest.NewRequest("GET", "/"+address, nil))
	return w.Code == 200
}

func TestFilesOfTheLookBeforeAreServedOnAndThoseOfOlderOnesAreNot(t *testing.T) {
	r := mustRenderer(t)
	var addresses []string
	for i := range 3 {
		if err := r.SetBrand(7, Brand{Logo: logoOf(t, i)}); err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, r.looks.current.Load().faces[7].Logo)
	}
	if err := r.SetBrand(8, Brand{Logo: logoOf(t, 9)}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true} {
		if served(r, addresses[i]) != want {
			t.Errorf("look %d is served %t", i, !want)
		}
	}
	if err := r.SetBrand(7, Brand{Color: "no colour"}); err == nil || r.looks.current.Load().faces[7].Logo != addresses[2] {
		t.Errorf("a bad look: %v, and the logo is %q", err, r.looks.current.Load().faces[7].Logo)
	}
	if err := r.SetBrand(7, Brand{}); err != nil || r.looks.current.Load().faces[7].Logo != "" || !served(r, addresses[2]) {
		t.Errorf("plain again: %v", err)
	}
}

func TestLookMayChangeWhilePagesAreShown(t *testing.T) {
	r := mustRenderer(t)
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 100 {
			if err := r.SetBrand(7, Brand{Logo: logoOf(t, i), Color: "0a5bd3"}); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		for range 100 {
			w := httptest.NewRecorder()
			r.SignedOut(w, 200, SignedOut{Chrome: Chrome{PublisherID: 7, PublisherName: "Nova"}})
			page := w.Body.String()
			if strings.Contains(page, "/assets/logo.") != strings.Contains(page, "/assets/brand.") {
				t.Error("half a look")
			}
		}
	})
	group.Wait()
}
