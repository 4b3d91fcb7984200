// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

// office is a dashboard that answers requests.
type office struct {
	*admintest.World
	t       *testing.T
	mux     *http.ServeMux
	breaks  bool // on purpose
	reports []error
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{World: admintest.New(t), t: t, mux: http.NewServeMux()}
	o.mux.HandleFunc("/admin/api/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the API") })
	NewDesk(Config{
		Service: o.Service, Renderer: mustRenderer(t), Report: func(r *http.Request, err error) {
			if o.reports = append(o.reports, err); !o.breaks {
				t.Errorf("%s: %v", r.URL, err)
			}
		},
	}).Mount(o.mux)
	return o
}

// person is somebody with a browser.
type person struct {
	o   *office
	jar map[string]string
	ip  string
}

func (o *office) somebody() *person {
	return &person{o, map[string]string{}, "192.0.2.9"}
}

// employs returns a member of our publishers who is signed in.
func (o *office) employs(role authstore.Role) *person {
	o.t.Helper()
	p := o.somebody()
	p.jar["__Host-usher-staff"] = o.Joins(o.t, admintest.Address(role), role, admintest.Ours, admintest.Sandbox, admintest.Free)
	return p
}

// answer is what a browser got.
type answer struct {
	*httptest.ResponseRecorder
	t    *testing.T
	what string
}

func (p *person) send(r *http.Request) *answer {
	r.RemoteAddr = p.ip + ":4321"
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for name, value := range p.jar {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	p.o.mux.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if p.jar[c.Name] = c.Value; c.MaxAge < 0 {
			delete(p.jar, c.Name)
		}
	}
	return &answer{w, p.o.t, r.Method + " " + r.URL.String()}
}

func (p *person) get(path string) *answer {
	return p.send(httptest.NewRequest("GET", admintest.Hub+path, nil))
}

// post sends a form as a page of ours does.
func (p *person) post(path string, form url.Values) *answer {
	return p.send(request(path, form, map[string]string{"Sec-Fetch-Site": "same-origin"}))
}

func request(path string, form url.Values, header map[string]string) *http.Request {
	r := httptest.NewRequest("POST", admintest.Hub+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

func (a *answer) is(status int, words ...string) *answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("%s: status %d, want %d; %s\n%s", a.what, a.Code, status, a.Header().Get("Location"), a.main())
	}
	for _, word := range words {
		if !strings.Contains(a.Body.String(), word) {
			a.t.Errorf("%s: no %q in\n%s", a.what, word, a.main())
		}
	}
	return a
}

// main returns what the page has between its menu and its foot.
func (a *answer) main() string {
	_, main, found := strings.Cut(a.Body.String(), "<main")
	if !found {
		return a.Body.String()
	}
	return main
}

func (a *answer) without(words ...string) *answer {
	a.t.Helper()
	for _, word := range words {
		if strings.Contains(a.Body.String(), word) {
			a.t.Errorf("%s: says %q", a.what, word)
		}
	}
	return a
}

// to wants a redirection.
func (a *answer) to(address string) {
	a.t.Helper()
	a.is(http.StatusSeeOther)
	if got := a.Header().Get("Location"); got != address {
		a.t.Errorf("%s leads to %s, want %s", a.what, got, address)
	}
}

// hidden returns the fields that the page sends unseen to an address.
func (a *answer) hidden(name string) (values []string) {
	for _, e := range elements(a.t, a.Body.Bytes()) {
		if e.name == "input" && e.attrs["type"] == "hidden" && e.attrs["name"] == name {
			values = append(values, e.attrs["value"])
		}
	}
	return values
}

const ours = "/admin/100000001"

// log returns the acts that our publisher's log has, the newest first; failed ones end
// in "!".
func (o *office) log(publisher int64) (list []string) {
	o.t.Helper()
	page, err := o.Store.AuditLog(context.Background(), authstore.AuditQuery{Publisher: publisher, Limit: 200})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.Error != "" {
			e.Act += "!"
		}
		list = append(list, e.Act)
	}
	return list
}

// filled returns a publisher's path with something for each parameter.
func filled(path string) string {
	r := strings.NewReplacer("{customerId}", "123456789", "{name}", "declared", "{version}", "1", "{staffId}", "nobody", "{publisherId}", "100000001", "{id}", "1")
	return r.Replace(pattern(path))
}
