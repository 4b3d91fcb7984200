// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package sso_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/secret"
	"github.com/usher-sso/usher/internal/sso"
)

func TestPendingSignInsOfTabsDoNotDisturbEachOther(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	var callbacks []*url.URL
	for i := range 5 {
		callbacks = append(callbacks, w.grant(t, w.begin(t, b, fmt.Sprint("/tab/", i))))
	}
	for _, i := range []int{3, 0, 4, 1, 2} {
		result, err := w.finish(t, b, callbacks[i])
		if err != nil || result.Return != fmt.Sprint("/tab/", i) {
			t.Errorf("tab %d: %+v, %v", i, result, err)
		}
	}
}

func TestOldestOfMoreThanFivePendingSignInsIsDropped(t *testing.T) {
	for _, site := range []publisher.Origin{news, local} {
		w, b := newWorld(t), newBrowser(site)
		var callbacks []*url.URL
		for i := range 8 {
			w.clock.Add(time.Second)
			callbacks = append(callbacks, w.grant(t, w.begin(t, b, fmt.Sprint("/tab/", i))))
			if want := min(i+1, 5); len(b.cookies) != want {
				t.Fatalf("%s: %d pending after %d, want %d", site, len(b.cookies), i+1, want)
			}
		}
		for i, callback := range callbacks {
			_, err := w.finish(t, b, callback)
			if dropped := i < 3; dropped != errors.Is(err, sso.ErrTransaction) {
				t.Errorf("%s: tab %d: %v, want dropped: %t", site, i, err, dropped)
			}
		}
	}
}

func TestPendingCookieThatCannotBeReadMakesRoomFirst(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	b.cookies["app"] = "of the app behind the gate"
	callback := w.grant(t, w.begin(t, b, "/first"))
	for i := range 6 {
		b.cookies[fmt.Sprint(sso.PendingCookie, "damage", i)] = "x"
	}
	w.begin(t, b, "/second")
	if len(b.cookies) != 6 || b.cookies["app"] == "" {
		t.Errorf("cookies are left: %v, want five pending and the app's", b.cookies)
	}
	if result, err := w.finish(t, b, callback); err != nil || result.Return != "/first" {
		t.Errorf("the first: %+v, %v", result, err)
	}
}

// other returns another spelling of a character that base64 knows.
func other(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// attempt is a callback that is about to be followed.
type attempt struct {
	w        *world
	b        *browser
	callback *url.URL
	id       string // of the pending sign-in
}

// change changes the value of the pending sign-in's cookie.
func (a *attempt) change(fn func(value string) string) {
	name := sso.PendingCookie + a.id
	a.b.cookies[name] = fn(a.b.cookies[name])
}

// wantNoTransaction follows a callback after each change and insists that it
// leads to nothing.
func wantNoTransaction(t *testing.T, changes map[string]func(a *attempt)) {
	t.Helper()
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser(news)
			question := w.begin(t, b, "/")
			id, _, _ := strings.Cut(question.Get("state"), ".")
			a := &attempt{w, b, w.grant(t, question), id}
			change(a)
			if result, err := w.finish(t, a.b, a.callback); !errors.Is(err, sso.ErrTransaction) || result.Secret != "" {
				t.Errorf("got %+v, %v; want ErrTransaction", result, err)
			}
			if s, err := w.store.Session(t.Context(), w.visitor.ID); err != nil || len(s.Sites) != 0 {
				t.Errorf("the session: %+v, %v", s, err)
			}
		})
	}
}

func set(name, value string) func(*attempt) {
	return func(a *attempt) { a.callback = with(a.callback, name, value) }
}

// anotherTab begins a sign-in in another tab and returns its id.
func (a *attempt) anotherTab(t *testing.T) string {
	id, _, _ := strings.Cut(a.w.begin(t, a.b, "/").Get("state"), ".")
	return id
}

func TestCallbackWithoutTheStateOfAPendingSignInIsRefused(t *testing.T) {
	wantNoTransaction(t, map[string]func(a *attempt){
		"no state":                 set("state", ""),
		"state without an id":      set("state", secret.New()),
		"state with an empty id":   set("state", "."+secret.New()),
		"state of unknown id":      set("state", secret.NewID()[:8]+"."+secret.New()),
		"another secret":           func(a *attempt) { set("state", a.id+"."+secret.New())(a) },
		"state cut short":          func(a *attempt) { s := a.callback.Query().Get("state"); set("state", s[:len(s)-1])(a) },
		"state of another browser": func(a *attempt) { a.callback = a.w.grant(t, a.w.begin(t, newBrowser(news), "/")) },
		"id of another tab": func(a *attempt) {
			_, rest, _ := strings.Cut(a.callback.Query().Get("state"), ".")
			set("state", a.anotherTab(t)+"."+rest)(a)
		},
		"after ten minutes": func(a *attempt) { a.w.clock.Add(10 * time.Minute) },
		"wrong iss":         set("iss", "https://evil.test"),
		"iss with a slash":  set("iss", string(hub)+"/"),
		"no iss":            set("iss", ""),
	})
}

func TestCallbackWithoutTheCookieOfThePendingSignInIsRefused(t *testing.T) {
	wantNoTransaction(t, map[string]func(a *attempt){
		"no cookies":     func(a *attempt) { a.b = newBrowser(news) },
		"changed cookie": func(a *attempt) { a.change(func(v string) string { return other(v, 30) }) },
		"cookie cut":     func(a *attempt) { a.change(func(v string) string { return v[:len(v)-4] }) },
		"empty cookie":   func(a *attempt) { a.change(func(string) string { return "" }) },
		"cookie in clear": func(a *attempt) {
			a.change(func(string) string { return secret.Encoding.EncodeToString([]byte(`{"return":"/"}`)) })
		},
		"cookie of another tab": func(a *attempt) {
			stolen := a.b.cookies[sso.PendingCookie+a.anotherTab(t)]
			a.change(func(string) string { return stolen })
		},
		"cookie of another site": func(a *attempt) { // the same browser, sent on by a page that sets cookies for all
			a.b = &browser{sports, a.b.cookies}
		},
	})
}

func TestPendingSignInLastsTenMinutesAndOneCallback(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	question := w.begin(t, b, "/")
	w.clock.Add(10*time.Minute - time.Millisecond)
	callback := w.grant(t, question)
	if _, err := w.finish(t, b, callback); err != nil {
		t.Errorf("in the last millisecond: %v", err)
	}
	if _, err := w.finish(t, b, callback); !errors.Is(err, sso.ErrTransaction) {
		t.Errorf("once more: %v, want ErrTransaction", err)
	}
}

func TestCodeIsRefused(t *testing.T) {
	tests := map[string]func(w *world, callback *url.URL) *url.URL{
		"none":    func(_ *world, u *url.URL) *url.URL { return with(u, "code", "") },
		"unknown": func(_ *world, u *url.URL) *url.URL { return with(u, "code", secret.New()) },
		"digest": func(_ *world, u *url.URL) *url.URL {
			return with(u, "code", secret.Digest(u.Query().Get("code")))
		},
		"after 30 seconds": func(w *world, u *url.URL) *url.URL { w.clock.Add(30 * time.Second); return u },
		"another browser's": func(w *world, u *url.URL) *url.URL {
			return with(u, "code", w.grant(t, w.begin(t, newBrowser(news), "/")).Query().Get("code"))
		},
		"another site's": func(w *world, u *url.URL) *url.URL {
			return with(u, "code", w.grant(t, w.begin(t, newBrowser(sports), "/")).Query().Get("code"))
		},
		"session has ended": func(w *world, u *url.URL) *url.URL {
			if err := w.sessions.End(t.Context(), w.visitor.ID); err != nil {
				t.Error(err)
			}
			return u
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(t), newBrowser(news)
			callback := change(w, w.grant(t, w.begin(t, b, "/")))
			if result, err := w.finish(t, b, callback); !errors.Is(err, sso.ErrCode) || result.Secret != "" {
				t.Errorf("got %+v, %v; want ErrCode", result, err)
			}
			if s, _ := w.store.Session(t.Context(), w.visitor.ID); len(s.Sites) != 0 {
				t.Errorf("sites %v, want none", s.Sites)
			}
		})
	}
}

// The hub was asked in the name of one sign-in, all but a part of it, and its
// code is brought to another.
func TestCodeServesTheSignInItWasMadeFor(t *testing.T) {
	for name, value := range map[string]string{
		"site": string(sports), "nonce": secret.NewID(), "code_challenge": secret.New(),
	} {
		w, b := newWorld(t), newBrowser(news)
		question := w.begin(t, b, "/")
		question.Set(name, value)
		callback := w.grant(t, question)
		if _, err := w.finish(t, b, callback); !errors.Is(err, sso.ErrCode) {
			t.Errorf("another %s: %v, want ErrCode", name, err)
		}
	}
}

func TestCodeInAnotherBrowserIsSpentAndEndsNothing(t *testing.T) {
	w, mine, theirs := newWorld(t), newBrowser(news), newBrowser(news)
	callback := w.grant(t, w.begin(t, mine, "/"))
	stolen := with(w.grant(t, w.begin(t, theirs, "/")), "code", callback.Query().Get("code"))
	if _, err := w.finish(t, theirs, stolen); !errors.Is(err, sso.ErrCode) {
		t.Errorf("in another browser: %v, want ErrCode", err)
	}
	if _, err := w.finish(t, mine, callback); !errors.Is(err, sso.ErrCode) {
		t.Errorf("afterwards in the right one: %v, want ErrCode", err)
	}
	if w.sessions.Ended(w.visitor.ID) {
		t.Error("the session has ended")
	}
}

func TestCodeUsedAgainEndsTheSession(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	callback := w.grant(t, w.begin(t, b, "/"))
	copied := &browser{news, maps.Clone(b.cookies)}
	if _, err := w.finish(t, b, callback); err != nil {
		t.Fatal(err)
	}
	if _, err := w.finish(t, copied, callback); !errors.Is(err, sso.ErrCode) || !w.sessions.Ended(w.visitor.ID) {
		t.Errorf("got %v, ended: %t; want ErrCode and an end", err, w.sessions.Ended(w.visitor.ID))
	}
}

func TestHubMayDeny(t *testing.T) {
	for answer, want := range map[string]string{
		sso.LoginRequired: sso.LoginRequired, sso.InteractionRequired: sso.InteractionRequired,
		"server_error": sso.LoginRequired, "<script>": sso.LoginRequired,
	} {
		w, b := newWorld(t), newBrowser(news)
		r, _, err := w.ParseRequest(w.begin(t, b, "/live"))
		if err != nil {
			t.Fatal(err)
		}
		callback := mustParse(t, w.Deny(r, answer))
		if callback.Host != news.Host() || callback.Query().Has("code") {
			t.Errorf("%s: called back at %s", answer, callback)
		}
		forged := with(callback, "iss", "https://evil.test")
		if _, err := w.finish(t, &browser{news, maps.Clone(b.cookies)}, forged); !errors.Is(err, sso.ErrTransaction) {
			t.Errorf("%s by somebody else: %v, want ErrTransaction", answer, err)
		}
		result, err := w.finish(t, b, callback)
		if err != nil || result.Denied != want || result.Return != "/live" || result.Secret != "" || result.Session.ID != "" || len(b.cookies) != 0 {
			t.Errorf("%s: %+v, %v, cookies %v; want %s", answer, result, err, b.cookies, want)
		}
	}
}

func TestDenialWinsOverACode(t *testing.T) {
	w, b := newWorld(t), newBrowser(news)
	result, err := w.finish(t, b, with(w.grant(t, w.begin(t, b, "/")), "error", sso.LoginRequired))
	if err != nil || result.Denied != sso.LoginRequired || result.Secret != "" {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestBrokenStoreIsNoRefusal(t *testing.T) {
	w, b, fault := newWorld(t), newBrowser(news), errors.New("disk on fire")
	callback := w.grant(t, w.begin(t, b, "/"))
	w.faulty.FailCommit(fault)
	_, err := w.finish(t, b, callback)
	if !errors.Is(err, fault) || errors.Is(err, sso.ErrCode) || errors.Is(err, sso.ErrTransaction) || errors.Is(err, authstore.ErrUsed) {
		t.Errorf("got %v, want the fault", err)
	}
}

func TestReturnIsAPathOfTheSiteOrItsFrontPage(t *testing.T) {
	kept := []string{"/", "/live", "/live?match=7", "/a//b", "/a/../b", "/?next=https://evil.test", "/@evil.test", "/%2f%2fevil.test", "/%5Cevil.test", "/ä", "/" + strings.Repeat("a", 2047)}
	lost := []string{
		"", "live", "?a", "#a", "//evil.test", "///evil.test", `/\evil.test`, `\/evil.test`, `\\evil.test`, `/a\b`, "https://evil.test", "http:evil.test", "javascript:alert(1)",
		"/\t/evil.test", "/\n/evil.test", "/\r/evil.test", "\t//evil.test", " //evil.test", "/a\r\nSet-Cookie: x=y", "/\x00", "/" + strings.Repeat("a", 2048),
	}
	try := func(returnTo, want string) {
		w, b := newWorld(t), newBrowser(news)
		result, err := w.finish(t, b, w.grant(t, w.begin(t, b, returnTo)))
		if err != nil || result.Return != want {
			t.Errorf("%.40q: returns to %.40q, %v; want %.40q", returnTo, result.Return, err, want)
		}
	}
	for _, returnTo := range kept {
		try(returnTo, returnTo)
	}
	for _, returnTo := range lost {
		try(returnTo, "/")
	}
}

// A browser drops a longer cookie, and the sign-in would never end.
func TestPendingSignInFitsIntoACookie(t *testing.T) {
	for _, c := range []string{"a", "&", "<", `"`, "\u2028", "ä", "%26", "\x7f", "\xff"} {
		for _, n := range []int{100, 1000, 2047} {
			w, b := newWorld(t), newBrowser(news)
			returnTo := "/" + strings.Repeat(c, n/len(c))
			rec := httptest.NewRecorder()
			w.Begin(rec, b.request("/"), news, sso.Ask{Return: returnTo})
			for _, set := range rec.Result().Cookies() {
				if size := len(set.Name) + len(set.Value); size > maxCookie {
					t.Errorf("%d times %q: cookie of %d bytes", n/len(c), c, size)
				}
			}
		}
	}
}

func FuzzReturn(f *testing.F) {
	for _, s := range []string{"/live", "//evil.test", `/\evil.test`, "/\t/evil.test", "https://evil.test"} {
		f.Add(s)
	}
	base, err := url.Parse(string(news) + sso.CallbackPath)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, returnTo string) {
		w, b := newWorld(t), newBrowser(news)
		result, err := w.finish(t, b, w.grant(t, w.begin(t, b, returnTo)))
		if err != nil {
			t.Fatal(err)
		}
		// Browsers drop these before they read an address, and take \ for /.
		seen := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(strings.Trim(result.Return, " "))
		if !strings.HasPrefix(seen, "/") || strings.HasPrefix(seen, "//") {
			t.Fatalf("%q returns to %q", returnTo, result.Return)
		}
		if u, err := base.Parse(seen); err == nil && u.Host != base.Host {
			t.Fatalf("%q returns to %s", returnTo, u)
		}
	})
}
