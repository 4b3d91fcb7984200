// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/gate"
)

var accessNames = map[gate.Access]string{
	gate.Protected: "protected", gate.Optional: "optional", gate.Public: "public",
	gate.Reserved: "reserved", gate.Ambiguous: "ambiguous",
}

func mustPolicy(t testing.TB, public, optional []string, demands ...gate.Demand) *gate.Policy {
	t.Helper()
	p, err := gate.NewPolicy(gate.Rules{Public: public, Optional: optional, Demands: demands})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// openPolicy opens a file, a tree of files and a tree of pages.
func openPolicy(t testing.TB) *gate.Policy {
	t.Helper()
	return mustPolicy(t, []string{"/about", "/assets/*", "/.well-known/*"}, []string{"/articles/*"})
}

// access judges a path as it is sent.
func access(t testing.TB, p *gate.Policy, sent string) (gate.Access, string) {
	t.Helper()
	u, err := url.ParseRequestURI(sent)
	if err != nil {
		t.Fatal(err)
	}
	return p.Access(u.Path, u.EscapedPath())
}

func TestAccessIsTheSameForEverySpellingOfAPathOrAmbiguous(t *testing.T) {
	policy := openPolicy(t)
	for want, paths := range map[gate.Access][]string{
		gate.Public: {
			"/about", "/about?x=/private", "/%61bout", "/assets/", "/assets/app.js", "/assets/a/b/", "/assets/app.js?v=1",
			"/assets/app%20one.js", "/assets/caf%C3%A9.png", "/assets/100%25", "/assets%2fapp.js", "/assets/a%2Fb",
			"/assets//app.js", "/assets/app.js;v=1", "/assets/.hidden", "/assets/...", "/assets/a..b", "/assets/..a",
			"/.well-known/security.txt",
		},
		gate.Optional: {"/articles/", "/articles/1", "/articles/%31", "/articles//1"},
		gate.Protected: {
			"/", "/about/", "/About", "/ABOUT", "/about.", "/about%20", "/aboutus", "/assets", "/Assets/app.js", "/articles",
			"/private", "/private/", "/private//x", "/private;x=1", "/private/assets/app.js", "/privat%65", "/.wellknown/x",
			"/.usherette/login", "/.ushe", "/x/.usher/login", "/usher/login", "/100%25",
		},
		gate.Ambiguous: {
			// Up and here, plain, encoded, doubly encoded and with parameters.
			"/assets/../private", "/assets/..", "/assets/%2e%2e/private", "/assets/%2E%2e/private", "/assets/.%2e/private",
			"/assets/%2e%2e%2fprivate", "/assets/..%2fprivate", "/assets/./app.js", "/assets/%2e/app.js", "/./about", "/about/.",
			"/assets/..;/private", "/assets/..;x=1/private", "/assets/%2e%2e;/private", "/assets/.;/app.js",
			"/assets/%252e%252e/private", "/assets/%252E%252E%252Fprivate", "/assets/..%252fprivate", "/assets/%25252e%25252e/x",
			"/private/../about", "/..", "/../about", "/articles/../../about",
			// Doubled slashes that move a path into or out of an open one.
			"//about", "///about", "//assets/app.js", "/%2fabout", "/%2Fassets/app.js",
			// Backslashes, which some servers read as slashes.
			`/assets/..\private`, "/assets/..%5cprivate", "/assets%5Capp.js", "/%5cabout", "/assets/%255c..%255cprivate",
			// Parameters, which some servers cut off.
			"/about;x", "/about;", "/assets;x/app.js", "/;/about", "/about%3bx", "/x;/../about",
			// Control characters, which end or split a path.
			"/about%00", "/assets/%00", "/private%00/about", "/about%0a", "/about%0d%0aX:1", "/about%09", "/assets/%7f", "/about%2500",
		},
	} {
		for _, sent := range paths {
			if got, _ := access(t, policy, sent); got != want {
				t.Errorf("%s is %s, want %s", sent, accessNames[got], accessNames[want])
			}
		}
	}
}

// Servers that decode UTF-8 carelessly read C0 AE as a dot and C0 AF as a
// slash.
func TestPathThatIsNoUTF8IsNeverOpen(t *testing.T) {
	policy := openPolicy(t)
	for _, sent := range []string{"/assets/%c0%ae%c0%ae/private", "/assets/..%c0%afprivate", "/assets/%e0%80%ae%e0%80%ae/x", "/assets/%ff"} {
		if got, _ := access(t, policy, sent); got != gate.Ambiguous {
			t.Errorf("%s is %s, want ambiguous", sent, accessNames[got])
		}
	}
}

func TestReservedPathsAreFoundInEverySpelling(t *testing.T) {
	policy := mustPolicy(t, []string{"/*"}, []string{"/.us*"})
	for sent, want := range map[string]string{
		"/.usher/login": "login", "/.usher": "", "/.usher/": "", "/.USHER/login": "login", "/.Usher/Login": "Login",
		"/%2eusher/login": "login", "/.%75sher/login": "login", "/.usher%2flogin": "login", "/.usher/%6cogin": "login",
		"/.usher/login/": "login/", "/.usher/login?next=/": "login", "/.usher/assets/style.css": "assets/style.css",
	} {
		if got, name := access(t, policy, sent); got != gate.Reserved || name != want {
			t.Errorf("%s is %s %q, want reserved %q", sent, accessNames[got], name, want)
		}
	}
	for _, sent := range []string{
		"//.usher/login", "/.usher//login", "/./.usher/login", "/x/../.usher/login", "/.usher/../private", "/.usher;x/login",
		"/.usher/login;x", "/.usher%00/login", `/.usher\login`, "/.usher%5clogin", "/%252eusher/login", "/.usher%252flogin",
		"/.usher/%2e%2e/", "/;/.usher/login", "/%2f.usher/login",
	} {
		if got, _ := access(t, policy, sent); got != gate.Ambiguous {
			t.Errorf("%s is %s, want ambiguous", sent, accessNames[got])
		}
	}
}

func TestPathsThatAreNoneAreAmbiguous(t *testing.T) {
	policy := mustPolicy(t, []string{"/*"}, nil)
	for _, p := range []string{"", "*", "about", "\\about", "/\x00", "/a\x1fb", "/a\x7f"} {
		if got, _ := policy.Access(p, p); got != gate.Ambiguous {
			t.Errorf("%q is %s, want ambiguous", p, accessNames[got])
		}
	}
}

func TestEverythingIsProtectedUnlessItIsNamed(t *testing.T) {
	policy := mustPolicy(t, nil, nil)
	for _, sent := range []string{"/", "/index.html", "/favicon.ico", "/robots.txt", "/.well-known/x"} {
		if got, _ := access(t, policy, sent); got != gate.Protected {
			t.Errorf("%s is %s, want protected", sent, accessNames[got])
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, p := range []string{
		"/", "/*", "/about", "/about/", "/assets/*", "/a*", "/a/b/c.d", "/.well-known/*", "/über/*", "/a b", "/.usherette", "/x/.usher/y", "/a..b/*",
	} {
		if err := gate.CheckPattern(p); err != nil {
			t.Errorf("%q is refused: %v", p, err)
			continue
		}
		policy := mustPolicy(t, []string{p}, nil)
		for _, at := range []string{strings.TrimSuffix(p, "*")} {
			if got, _ := policy.Access(at, (&url.URL{Path: at}).EscapedPath()); got != gate.Public {
				t.Errorf("pattern %q makes %s %s, want public", p, at, accessNames[got])
			}
		}
	}
	for _, p := range []string{
		"", "*", "about", "about/*", "*/about", "/*/about", "/a**", "/a*b", "^/a", "https://news.example.com/a",
		"/..", "/a/../b", "/a/..", "/.", "/a/./b", "//", "//a", "/a//b", "/a//", `\a`, `/a\b`, "/a\x00", "/a\n",
		"/.usher/", "/.usher/*", "/.usher/login", "/.USHER/login", "/.Usher/*", "/.usher",
		// What can never be equal to a decoded path with one reading.
		"/a;b", "/a;v=1/*", "/..;/a", "/caf%C3%A9", "/a%2fb", "/a%2e%2e", "/search?q=*",
	} {
		if err := gate.CheckPattern(p); err == nil {
			t.Errorf("%q is taken for a pattern", p)
		} else if _, err := gate.NewPolicy(gate.Rules{Optional: []string{p}}); err == nil {
			t.Errorf("a policy with %q is made", p)
		}
	}
}

// FuzzAccess holds the policy to what must be true of every path.
func FuzzAccess(f *testing.F) {
	for _, seed := range []string{"/", "/about", "/assets/../x", "/.usher/login", "//.USHER/x", "/assets/%252e%252e/x", "/a;b/..;/c", "/assets%2f..%5cx"} {
		f.Add(seed)
	}
	policy := openPolicy(f)
	f.Fuzz(func(t *testing.T, sent string) {
		u, err := url.ParseRequestURI(sent)
		if err != nil {
			t.Skip("no request has such a target")
		}
		got, _ := policy.Access(u.Path, u.EscapedPath())
		for _, read := range otherReadings(u.Path) {
			lower := strings.ToLower(read) + "/"
			if strings.HasPrefix(lower, gate.ReservedPrefix) && got != gate.Reserved && got != gate.Ambiguous {
				t.Errorf("%q can be read as %q and is %s", sent, read, accessNames[got])
			}
			open := read == "/about" || strings.HasPrefix(read+"/", "/assets/") || strings.HasPrefix(read+"/", "/.well-known/")
			if got == gate.Public && !open {
				t.Errorf("%q can be read as %q and is public", sent, read)
			}
			if got == gate.Optional && !strings.HasPrefix(read+"/", "/articles/") {
				t.Errorf("%q can be read as %q and is optional", sent, read)
			}
		}
	})
}

// otherReadings returns what servers have been seen to make of a path, cleaned.
func otherReadings(p string) []string {
	all := []string{p, strings.ReplaceAll(p, `\`, "/")}
	for _, q := range all {
		segments := strings.Split(q, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		all = append(all, strings.Join(segments, "/"))
	}
	for _, q := range all {
		if again, err := url.PathUnescape(q); err == nil {
			all = append(all, again)
		}
		all = append(all, strings.SplitN(q, "\x00", 2)[0])
	}
	for i, q := range all {
		all[i] = path.Clean("/" + q)
	}
	return all
}
