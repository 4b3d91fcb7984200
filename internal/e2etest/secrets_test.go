// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestNothingSecretIsTold: neither the logs, access logs included, nor what
// the admin API shows holds anything that proves an identity.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	logging := strings.NewReplacer("\n{{.Hub}} {", "\n{{.Hub}} {\n\tlog", "\n{{.News}} {", "\n{{.News}} {\n\tlog", "\n{{.Sports}} {", "\n{{.Sports}} {\n\tlog")
	s := start(t, logging.Replace(standard))
	const mistyped = "mistyped-secret-9"
	v, viewer := s.signedInAtBoth(t, "discreet")
	next := granted(t, s.refresh(t, viewer.RefreshToken))
	s.refresh(t, next.RefreshToken+"x")
	s.post(t, "/auths", credentials(viewer.email, mistyped)).says(t, 401)
	s.visitor(t).submit(s.hub+"/login", url.Values{"email": {viewer.email}, "password": {mistyped}}).says(t, 401)
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT)).says(t, 200)
	s.visitor(t).fetch(s.newsURL+"/account", bearer(viewer.JWT+"x")).says(t, 401)

	secrets := map[string]string{
		"password": password, "mistyped password": mistyped, "API token": viewer.JWT, "newer API token": next.JWT,
		"refresh token": viewer.RefreshToken, "newer refresh token": next.RefreshToken, "hub's cookie": v.cookies(s.hub)["usher-hub"],
		"news cookie": v.cookies(s.newsURL)["usher"], "sports cookie": v.cookies(s.sportsURL)["usher"],
	}
	told := map[string]string{"log": s.logged()}
	for _, path := range []string{"/config/", "/metrics", "/debug/vars", "/reverse_proxy/upstreams"} {
		told["admin "+path] = s.adminGet(t, path)
	}
	if !strings.Contains(told["log"], "handled request") || !strings.Contains(told["admin /config/"], s.hub) {
		t.Fatal("there is nothing to look at")
	}
	for where, text := range told {
		for what, secret := range secrets {
			if secret == "" {
				t.Fatalf("no %s", what)
			}
			for part := range strings.FieldsFuncSeq(secret, func(r rune) bool { return r == '~' }) {
				if len(part) > 30 && strings.Contains(text, part) || strings.Contains(text, secret) {
					t.Errorf("the %s shows the %s", where, what)
				}
			}
		}
	}
}

func (s *server) adminGet(t testing.TB, path string) string {
	t.Helper()
	res, err := http.Get("http://" + s.admin + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
