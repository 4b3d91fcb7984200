// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/usher-sso/usher/internal/publisher"
)

// origins are what operators write, and what becomes of it.
var origins = map[string]publisher.Origin{
	"https://news.example.com":         "https://news.example.com",
	"https://news.example.com/":        "https://news.example.com",
	"HTTPS://News.Example.COM":         "https://news.example.com",
	"https://news.example.com:443":     "https://news.example.com",
	"https://news.example.com:8443/":   "https://news.example.com:8443",
	"https://news.example.com:80":      "https://news.example.com:80",
	"https://intranet":                 "https://intranet",
	"https://bücher.example":           "https://xn--bcher-kva.example",
	"https://BÜCHER.example":           "https://xn--bcher-kva.example",
	"https://xn--bcher-kva.example":    "https://xn--bcher-kva.example",
	"https://ｎｅｗｓ.example":             "https://news.example", // full width
	"https://news。example":             "https://news.example", // ideographic full stop
	"https://*.clubs.example":          "https://*.clubs.example",
	"https://*.Bücher.example:8443":    "https://*.xn--bcher-kva.example:8443",
	"https://192.0.2.7:8443":           "https://192.0.2.7:8443",
	"https://[2001:DB8::1]":            "https://[2001:db8::1]",
	"https://[2001:db8:0:0::1]:8443":   "https://[2001:db8::1]:8443",
	"http://localhost":                 "http://localhost",
	"http://hub.localhost:80":          "http://hub.localhost",
	"http://HUB.localhost:9080":        "http://hub.localhost:9080",
	"http://*.localhost:9080":          "http://*.localhost:9080",
	"http://127.0.0.1:9080":            "http://127.0.0.1:9080",
	"http://127.8.9.10":                "http://127.8.9.10",
	"http://[::1]:9080":                "http://[::1]:9080",
	"https://a-b.xn--p1ai:65535":       "https://a-b.xn--p1ai:65535",
	"https://1.2.3.4.example":          "https://1.2.3.4.example",
	"https://localhost.evil.test":      "https://localhost.evil.test",
	"https://news.example.com:":        "https://news.example.com",
	"https://hub.localhost:443":        "https://hub.localhost",
	"https://0.clubs.example":          "https://0.clubs.example",
	"https://*.clubs.example:443":      "https://*.clubs.example",
	"https://*.a.b.c.d.clubs.example/": "https://*.a.b.c.d.clubs.example",
}

var label63 = strings.Repeat("a", 63)

// notOrigins are refused, each for a reason of its own.
var notOrigins = []string{
	"", "news.example.com", "news.example.com:443", "//news.example.com", "https", "https:", "https://", "https:///", "https://:443", "https:news.example.com",
	"ftp://news.example.com", "javascript://news.example.com", "ws://news.example.com", "file:///etc/passwd", "x-https://news.example.com",
	"https://ann@news.example.com", "https://ann:secret@news.example.com", "https://@news.example.com", "https://news.example.com@evil.test",
	"https://news.example.com/live", "https://news.example.com//", "https://news.example.com/.", "https://news.example.com/%2e", "https://news.example.com;x",
	"https://news.example.com?", "https://news.example.com?a=b", "https://news.example.com#top", `https://news.example.com\evil`, "https://news.example.com/?",
	" https://news.example.com", "https://news.example.com ", "https://news .example.com", "https://news.example.com\n", "https://news\x00.example.com", "https://news.example.com\t",
	"https://news_desk.example.com", "https://-news.example.com", "https://news-.example.com", "https://news%2eexample.com", "https://xn--a.example",
	"https://*", "https://*.", "https://*.*.example", "https://**.example", "https://a*.example", "https://news.*.example", "https://news.example.*", "https://{host}.example",
	"https://news.example.com:0", "https://news.example.com:65536", "https://news.example.com:99999", "https://news.example.com:0443",
	"https://news.example.com:-1", "https://news.example.com:443x", "https://news.example.com:+443", "https://news.example.com:4:4",
	"https://news..example.com", "https://.news.example.com", "https://news.example.com.", "https://news.example.com..", "https://.", "https://*..example",
	"https://" + label63 + "a.example", "https://" + strings.Repeat("a.", 130) + "example",
	"https://[::1", "https://::1", "https://[::1]evil", "https://[news.example.com]", "https://[fe80::1%25eth0]", "https://[::ffff:127.0.0.1]",
	"https://news\xbd.example", "https://127.1", "https://0x7f.0.0.1", "https://2130706433", "https://256.256.256.256", "https://1.2.3.4.5", "https://*.0.0.1",
}

func TestOriginIsReadAsBrowsersWriteIt(t *testing.T) {
	for s, want := range origins {
		if got, err := publisher.ParseOrigin(s); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", s, got, err, want)
		}
	}
	long := "https://" + label63 + ".example"
	if got, err := publisher.ParseOrigin(long); err != nil || string(got) != long {
		t.Errorf("the longest label: %q, %v", got, err)
	}
}

func TestWhatIsNoOriginIsRefusedWithTheRemedy(t *testing.T) {
	for _, s := range notOrigins {
		got, err := publisher.ParseOrigin(s)
		if err == nil {
			t.Errorf("%q was taken for %q", s, got)
		}
	}
}

func TestPlainHTTPIsForLoopbackNamesOnly(t *testing.T) {
	for _, s := range []string{
		"http://news.example.com", "http://localhost.evil.test", "http://evillocalhost", "http://local.host", "http://192.168.0.1", "http://0.0.0.0", "http://10.0.0.1:9080",
		"http://[2001:db8::1]", "http://[::]", "http://128.0.0.1", "http://127.0.0.1.evil.test", "http://*.example", "http://xn--lcalhost-54a",
	} {
		if got, err := publisher.ParseOrigin(s); !errors.Is(err, publisher.ErrPlainHTTP) {
			t.Errorf("%q: %q, %v; want ErrPlainHTTP", s, got, err)
		}
	}
}

func TestOriginIsTakenApart(t *testing.T) {
	for o, want := range map[publisher.Origin][3]string{
		"https://news.example.com":      {"https", "news.example.com", "news.example.com"},
		"https://news.example.com:8443": {"https", "news.example.com:8443", "news.example.com"},
		"http://[::1]:9080":             {"http", "[::1]:9080", "[::1]"},
		"https://[2001:db8::1]":         {"https", "[2001:db8::1]", "[2001:db8::1]"},
		"https://*.clubs.example:8443":  {"https", "*.clubs.example:8443", "*.clubs.example"},
	} {
		if got := [3]string{o.Scheme(), o.Host(), o.Hostname()}; got != want {
			t.Errorf("%s: %q, want %q", o, got, want)
		}
		if o.Secure() != (want[0] == "https") || o.Pattern() != strings.Contains(want[1], "*") {
			t.Errorf("%s: secure %t, pattern %t", o, o.Secure(), o.Pattern())
		}
	}
}

func TestHostBelongsToAnOriginByItsNameAlone(t *testing.T) {
	const pattern = "https://*.clubs.example:8443"
	tests := []struct {
		origin publisher.Origin
		host   string
		want   publisher.Origin // "" when it does not belong there
	}{
		{"https://news.example.com", "news.example.com", "https://news.example.com"},
		{"https://news.example.com", "NEWS.Example.COM", "https://news.example.com"},
		{"https://news.example.com", "news.example.com:443", "https://news.example.com"},
		{"https://news.example.com", "news.example.com:9999", "https://news.example.com"}, // the port comes from the origin
		{"https://news.example.com:8443", "news.example.com", "https://news.example.com:8443"},
		{"http://127.0.0.1:9080", "127.0.0.1:9080", "http://127.0.0.1:9080"},
		{"https://[2001:db8::1]:8443", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443"},
		{"https://[2001:db8::1]", "[2001:DB8::1]", "https://[2001:db8::1]"},
		{"https://[2001:db8::1]", "[2001:db8::2]", ""},
		{"https://[2001:db8::1]", "2001:db8::1", ""},
		{"https://[2001:db8::1]", "[2001:db8::1", ""},
		{"https://[2001:db8::1]", "[2001:db8::1]]", ""},
		{"https://[2001:db8::1]", "[2001:db8::1]evil", ""},
		{pattern, "ajax.clubs.example", "https://ajax.clubs.example:8443"},
		{pattern, "AJAX.Clubs.Example:8443", "https://ajax.clubs.example:8443"},
		{pattern, "fc-1.clubs.example:1", "https://fc-1.clubs.example:8443"},
		{pattern, "xn--bcher-kva.clubs.example", "https://xn--bcher-kva.clubs.example:8443"},
		{pattern, label63 + ".clubs.example", publisher.Origin("https://" + label63 + ".clubs.example:8443")},
		{pattern, label63 + "a.clubs.example", ""},
		{"http://*.localhost:9080", "ajax.localhost:9080", "http://ajax.localhost:9080"},
		{"http://*.localhost:9080", "localhost:9080", ""},
	}
	for _, tt := range tests {
		got, ok := tt.origin.ForHost(tt.host)
		if ok != (tt.want != "") || ok && got != tt.want {
			t.Errorf("%q at %s: %q, %t; want %q", tt.host, tt.origin, got, ok, tt.want)
		}
	}
}

func TestHostThatOnlyLooksLikeAnOriginsIsRefused(t *testing.T) {
	for _, host := range []string{
		"", ".", ":443", "com", "example.com", "www.news.example.com", "evilnews.example.com", "news.example.comx", "news-example.com",
		"news.example.com.evil.test", "news.example.com.", "news.example.com.:443", ".news.example.com", "news.example.com:443:443",
		"news.example.com@evil.test", "evil.test@news.example.com", "news.example.com/", "news.example.com\x00", " news.example.com", "news.example.com ",
		"news%2eexample.com", "news.example.com,evil.test", "[news.example.com]", "*.example.com", `news.example.com\evil.test`, "evil.test#news.example.com",
		"new\u017f.example.com", "news.example\u3002com", "néws.example.com", "127.0.0.1",
	} {
		if got, ok := publisher.Origin("https://news.example.com").ForHost(host); ok {
			t.Errorf("%q was taken for %s", host, got)
		}
	}
	for _, host := range []string{
		"", ".", "clubs.example", ".clubs.example", "..clubs.example", "a.b.clubs.example", "*.clubs.example", "ajax.clubs.example.evil.test", "ajaxclubs.example",
		"ajax.clubs.example.", "a_b.clubs.example", "é.clubs.example", "evil.test/.clubs.example", "evil.test#.clubs.example", "a@b.clubs.example", "a b.clubs.example",
		"a%2eb.clubs.example", "a:1.clubs.example", "[a].clubs.example", "ajax.club\u017f.example", "a\x00.clubs.example", `a\b.clubs.example`, "ajax.clubs.example:1:1",
	} {
		if got, ok := publisher.Origin("https://*.clubs.example").ForHost(host); ok {
			t.Errorf("%q was taken for %s", host, got)
		}
	}
}

func TestPatternCoversNamesWithOneLabelForTheStar(t *testing.T) {
	tests := []struct {
		origin, other publisher.Origin
		want          bool
	}{
		{"https://news.example", "https://news.example", true},
		{"https://news.example", "http://news.example", false},
		{"https://news.example", "https://news.example:8443", false},
		{"https://news.example", "https://NEWS.example", false}, // origins have one spelling
		{"https://*.clubs.example", "https://ajax.clubs.example", true},
		{"https://*.clubs.example", "https://AJAX.clubs.example", false},
		{"https://*.clubs.example", "http://ajax.clubs.example", false},
		{"https://*.clubs.example", "https://ajax.clubs.example:8443", false},
		{"https://*.clubs.example", "https://ajax.clubs.example:443", false},
		{"https://*.clubs.example:8443", "https://ajax.clubs.example:8443", true},
		{"https://*.clubs.example:8443", "https://ajax.clubs.example", false},
		{"https://*.clubs.example", "https://clubs.example", false},
		{"https://*.clubs.example", "https://a.b.clubs.example", false},
		{"https://*.clubs.example", "https://*.clubs.example", false},
		{"https://*.clubs.example", "https://ajax.clubs.example.evil.test", false},
		{"https://*.clubs.example", "https://ajax.clubs.example/", false},
		{"https://*.clubs.example", "https://evil.test#.clubs.example", false},
		{"https://*.clubs.example", "https://ann@ajax.clubs.example", false},
		{"https://*.clubs.example", "", false},
	}
	for _, tt := range tests {
		if got := tt.origin.Covers(tt.other); got != tt.want {
			t.Errorf("%s covers %s: %t, want %t", tt.origin, tt.other, got, tt.want)
		}
	}
}

// Whatever is read is an origin, and whatever belongs there is one too, with
// the very name that was asked for.
func FuzzOrigin(f *testing.F) {
	for s := range origins {
		f.Add(s, "news.example.com:443")
	}
	for _, s := range notOrigins {
		f.Add(s, "ajax.clubs.example")
	}
	f.Add("https://*.clubs.example", "evil.test#.clubs.example")
	f.Fuzz(func(t *testing.T, s, host string) {
		o, err := publisher.ParseOrigin(s)
		if err != nil {
			return
		}
		if again, err := publisher.ParseOrigin(string(o)); err != nil || again != o {
			t.Fatalf("%q was read as %q, and that as %q, %v", s, o, again, err)
		}
		if !o.Pattern() {
			wantOrigin(t, o)
			if got, ok := o.ForHost(o.Host()); !ok || got != o || !o.Covers(o) {
				t.Fatalf("%q does not belong to itself", o)
			}
		}
		got, ok := o.ForHost(host)
		if !ok {
			return
		}
		wantOrigin(t, got)
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		if got.Pattern() || !o.Covers(got) || !strings.HasPrefix(host, "[") && got.Hostname() != name {
			t.Fatalf("%q at %q became %q", host, o, got)
		}
	})
}

// wantOrigin insists that o says nothing but scheme, host and port.
func wantOrigin(t *testing.T, o publisher.Origin) {
	t.Helper()
	u, err := url.Parse(string(o))
	if err != nil || u.Scheme != o.Scheme() || u.Host != o.Host() || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil || strings.ToLower(u.Host) != u.Host {
		t.Fatalf("%q is no origin: %+v, %v", o, u, err)
	}
}
