// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

var (
	ownHeaders, _     = NewHeaders(nil)
	renamedHeaders, _ = NewHeaders(map[string][]string{"customer_id": {"Remote-User"}, "email": {"X-Customer-7"}})
)

func TestEverySpellingOfAnIdentityHeaderIsStripped(t *testing.T) {
	for _, name := range []string{
		"X-Usher-Customer-Id", "x-usher-customer-id", "X-USHER-CUSTOMER-ID", "X-Usher-customer_id", "X_Usher_Customer_Id",
		"x_usher_customer_id", "X-Usher_Email", "X_Usher-Email", "X.Usher.Email", "X!Usher~Email", "X Usher Email", "x-uSHER-token",
		"X-Usher-", "X-Usher-Anything", "X-Usher-Customer-Id-", "X-Usher--Email", "X\x80Usher\xffEmail",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header[name] = []string{"1", "2"}
		r.Trailer = http.Header{name: {"1"}, "Checksum": nil}
		ownHeaders.Strip(r)
		if len(r.Header) != 0 {
			t.Errorf("header %q survives: %v", name, r.Header)
		}
		if len(r.Trailer) != 0 {
			t.Errorf("trailers survive: %v", r.Trailer)
		}
	}
}

func TestOtherHeadersAreKept(t *testing.T) {
	kept := http.Header{
		"X-Usher": {"1"}, "Xusher-Email": {"1"}, "X-Ushers-Email": {"1"}, "Usher-Email": {"1"}, "X-Forwarded-For": {"192.0.2.1"},
		"My-X-Usher-Email": {"1"}, "Remote-User": {"1"}, "X-User-Email": {"1"}, "X": {"1"}, "X0usher-Email": {"1"}, "": {"1"},
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = kept.Clone()
	ownHeaders.Strip(r)
	if !maps.EqualFunc(r.Header, kept, slices.Equal) {
		t.Errorf("left: %v, want %v", r.Header, kept)
	}
}

// What is named in Connection is removed by the proxy, after the gate has set
// it.
func TestIdentityHeadersCannotBeNamedHopByHop(t *testing.T) {
	for _, test := range []struct{ given, want []string }{
		{[]string{"X-Usher-Customer-Id"}, nil},
		{[]string{"x-usher-customer-id"}, nil},
		{[]string{"X_Usher_Token"}, nil},
		{[]string{"X-Usher-Token,X-Usher-Email"}, nil},
		{[]string{" , X-Usher-Token , "}, nil},
		{[]string{"close, X-Usher-Token"}, []string{"close"}},
		{[]string{"X-Usher-Token, keep-alive"}, []string{"keep-alive"}},
		{[]string{"close,\tX-Usher-Token\t, X-Own"}, []string{"close, X-Own"}},
		{[]string{"X-Usher-Token", "Upgrade"}, []string{"Upgrade"}},
		{[]string{"Upgrade, X-Own", "x-usher-token"}, []string{"Upgrade, X-Own"}},
		{[]string{"Upgrade"}, []string{"Upgrade"}},
		{[]string{"keep-alive,  Upgrade"}, []string{"keep-alive,  Upgrade"}},
		{[]string{"X-Usher"}, []string{"X-Usher"}},
		{[]string{""}, []string{""}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Connection"], r.Header["Trailer"] = slices.Clone(test.given), slices.Clone(test.given)
		ownHeaders.Strip(r)
		if got := r.Header["Connection"]; !slices.Equal(got, test.want) {
			t.Errorf("Connection %q becomes %q, want %q", test.given, got, test.want)
		}
		if got := r.Header["Trailer"]; got != nil {
			t.Errorf("trailers are announced still: %q", got)
		}
	}
}

// asVariable is how CGI, FastCGI and WSGI servers name a header (RFC 3875,
// section 4.1.18), and what careless ones do with other characters.
func asVariable(name string) string {
	b := []byte(name)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		case (c < 'A' || c > 'Z') && (c < '0' || c > '9'):
			b[i] = '_'
		}
	}
	return string(b)
}

func FuzzIdentityName(f *testing.F) {
	for _, seed := range []string{"Remote-User", "remote_user", "X-Customer-7", "X-Usher-Email", "x_usher.email", "X-Usher", "", "X-Ushe\u017f-Email", "Xausher-Email"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		read := asVariable(name)
		if got, want := ownHeaders.claims(name), strings.HasPrefix(read, "X_USHER_"); got != want {
			t.Errorf("%q is stripped: %v, want %v", name, got, want)
		}
		want := strings.HasPrefix(read, "X_USHER_") || read == "REMOTE_USER" || read == "X_CUSTOMER_7"
		if got := renamedHeaders.claims(name); got != want {
			t.Errorf("%q is stripped under other names: %v, want %v", name, got, want)
		}
	})
}

func TestOwnCookiesAreStripped(t *testing.T) {
	for _, test := range []struct{ given, want []string }{
		{nil, nil},
		{[]string{"__Host-usher=a~b~c"}, nil},
		{[]string{"usher=a~b~c"}, nil},
		{[]string{"__Host-usher-hub=a"}, nil},
		{[]string{"usher-hub=a"}, nil},
		{[]string{"__Host-usher-tx-AbCd1234=a; __Host-usher-tx-EfGh5678=b"}, nil},
		{[]string{"__Host-usher-no=1;__Host-usher=a"}, nil},
		{[]string{"usher"}, nil},
		{[]string{"usher="}, nil},
		{[]string{" usher=a ; lang=de "}, []string{"lang=de"}},
		{[]string{"usher =a; lang=de"}, []string{"lang=de"}},
		{[]string{"lang=de; __Host-usher=a; theme=dark"}, []string{"lang=de; theme=dark"}},
		{[]string{"lang=de", "__Host-usher=a"}, []string{"lang=de"}},
		{[]string{"lang=de", "theme=dark; __Host-usher=a"}, []string{"lang=de; theme=dark"}},
		{[]string{"__Host-usher=a; __Host-usher=b; __Host-usher=c"}, nil},
		{[]string{`__Host-usher="a"; lang=de`}, []string{"lang=de"}},

		// Cookies of the app that only look alike.
		{[]string{"ushers=1"}, []string{"ushers=1"}},
		{[]string{"myusher=1; lang=de"}, []string{"myusher=1; lang=de"}},
		{[]string{"lang=usher"}, []string{"lang=usher"}},
		{[]string{"next=usher=1; __Host-app=usher-hub"}, []string{"next=usher=1; __Host-app=usher-hub"}},
		{[]string{"lang=de;theme=dark"}, []string{"lang=de;theme=dark"}},
	} {
		h := http.Header{}
		if test.given != nil {
			h["Cookie"] = slices.Clone(test.given)
		}
		StripCookies(h)
		if got := h["Cookie"]; !slices.Equal(got, test.want) {
			t.Errorf("%q becomes %q, want %q", test.given, got, test.want)
		}
		if _, there := h["Cookie"]; there && test.want == nil {
			t.Errorf("%q leaves an empty header", test.given)
		}
	}
}

func TestFirstCookieOfTheNameIsFound(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
		found bool
	}{
		{nil, "", false},
		{[]string{""}, "", false},
		{[]string{"__Host-usher=a"}, "a", true},
		{[]string{"__Host-usher="}, "", true},
		{[]string{"__Host-usher"}, "", false},
		{[]string{"lang=de; __Host-usher=a~b~c; x=y"}, "a~b~c", true},
		{[]string{"lang=de;__Host-usher=a"}, "a", true},
		{[]string{"__Host-usher=a; __Host-usher=b"}, "a", true},
		{[]string{"lang=de", "__Host-usher=a"}, "a", true},
		{[]string{"__Host-usher-hub=h; __Host-usher=a"}, "a", true},
		{[]string{"x__Host-usher=h; X=__Host-usher=h"}, "", false},
		{[]string{"__host-usher=h; usher=h"}, "", false},
		{[]string{";;; ;__Host-usher=a;"}, "a", true},
	} {
		got, found := findCookie(http.Header{"Cookie": test.lines}, "__Host-usher")
		if got != test.want || found != test.found {
			t.Errorf("in %q: %q, %v, want %q, %v", test.lines, got, found, test.want, test.found)
		}
	}
}

// FuzzFindCookie makes headers that are well formed (RFC 6265, section 4.2.1)
// and compares with net/http.
func FuzzFindCookie(f *testing.F) {
	f.Add([]byte("usher=a;x=b"), byte(0))
	f.Add([]byte("b=1;usher=2;usher=3"), byte(3))
	f.Add([]byte("\x00\x01;\x02=;==\xff"), byte(7))
	f.Fuzz(func(t *testing.T, raw []byte, breaks byte) {
		r := &http.Request{Header: http.Header{}}
		for i, pair := range strings.Split(string(raw), ";") {
			name, value, _ := strings.Cut(pair, "=")
			made := cookieName(name) + "=" + cookieValue(value)
			lines := r.Header["Cookie"]
			if len(lines) == 0 || breaks>>(i%8)&1 == 1 { // HTTP/2 may split the header
				r.Header["Cookie"] = append(lines, made)
			} else {
				lines[len(lines)-1] += "; " + made
			}
		}
		want, err := r.Cookie("usher")
		got, found := findCookie(r.Header, "usher")
		if found != (err == nil) || found && got != want.Value {
			t.Errorf("in %q: %q, %v; net/http finds %v, %v", r.Header["Cookie"], got, found, want, err)
		}
	})
}

const (
	tokenCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"
	valueCharacters = tokenCharacters + "()/:<=>?@[]{}"
)

// cookieName makes a name of any bytes, often the one that is looked for.
func cookieName(raw string) string {
	if len(raw)%3 == 0 {
		return "usher"
	}
	if len(raw)%7 == 0 {
		return "usher-" + cookieOf(raw, tokenCharacters)
	}
	return cookieOf(raw, tokenCharacters)
}

func cookieValue(raw string) string { return cookieOf(raw, valueCharacters) }

func cookieOf(raw, alphabet string) string {
	b := []byte(raw)
	for i, c := range b {
		b[i] = alphabet[int(c)%len(alphabet)]
	}
	return string(b)
}
