// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages_test

import (
	"cmp"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/internal/publisher"
	"github.com/usher-sso/usher/internal/socialtest"
	"github.com/usher-sso/usher/internal/sso"
)

var update = flag.Bool("update", false, "rewrite what the scripts expect")

// TestScripts plays testdata/scripts. A script is what viewers do, each step
// followed by what they see, indented:
//
//	config <name>             the hub starts, or starts again with other settings
//	browser <name>            what follows happens in that browser
//	wait <duration>           time goes by
//	site <origin> <path>      a visitor of the site has to sign in; $ask is the question. What the page
//	                          demands may follow: verified_email, capture, max_age=<duration>, consent=<name>
//	silently <origin> <path>  the same, but no page may be shown
//	callback                  the site takes the visitor back from where they were sent
//	mail                      the viewer opens the next mail; $to and $link are its link, $code its code, and
//	                          $typed the same code as somebody may type it, $linkquery the link's query
//	down                      the store's next read and next write fail
//	from <address>            requests come from that IP address
//	GET <address>             at the hub; $ask, and $to for where the last step led
//	POST <address> <field>=<value>…
//	agree <name>              the viewer goes to the provider where the last step led, agrees to be one of people,
//	                          and comes back; $answer is where to
//	decline                   the same, but they do not agree
//	out of order <provider>   that provider fails from now on
//	<Header>: <value>         after GET and POST, in place of what browsers send
//
// $session1, $session2 and so on are the sessions that the page of devices last
// listed, and $way1, $way2 the ways to sign in that can be removed.
//
// -update rewrites what is seen.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			played := play(t, strings.Split(strings.TrimSuffix(string(content), "\n"), "\n"))
			if *update {
				if err := os.WriteFile(file, []byte(played), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if played != string(content) {
				t.Errorf("played:\n%s\nwant:\n%s", played, content)
			}
		})
	}
}

// play runs the steps of a script and returns it with what was seen.
func play(t *testing.T, lines []string) string {
	t.Helper()
	p := &player{world: newWorld(t), jars: map[string]map[string]string{}, browser: "a browser", ip: "203.0.113.7"}
	var b strings.Builder
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "  ") {
			continue // seen before
		}
		fmt.Fprintln(&b, line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		headers := http.Header{}
		for i+1 < len(lines) && header.MatchString(lines[i+1]) {
			i++
			fmt.Fprintln(&b, lines[i])
			name, value, _ := strings.Cut(lines[i], ":")
			headers.Set(name, strings.TrimSpace(value))
		}
		for _, seen := range p.step(t, line, headers) {
			fmt.Fprintln(&b, "  "+seen)
		}
	}
	return b.String()
}

var header = regexp.MustCompile(`^[A-Z][A-Za-z-]+:( |$)`)

var linkInMail = regexp.MustCompile(`https://\S+`)

var listedSession = regexp.MustCompile(`name="session" value="([^"]+)"`)

var listedWay = regexp.MustCompile(`name="remove" value="([^"]+)"`)

var codeInMail = regexp.MustCompile(`\b[2-9A-Z]{4}-[2-9A-Z]{4}\b`)

// player is where a script stands.
type player struct {
	*world
	browser string
	jars    map[string]map[string]string // cookies by browser and host
	ask     string                       // what the site asked the hub
	site    publisher.Origin             // that asked it
	to      string                       // where the last step led
	link    string                       // in the last mail that had one
	code    string                       // in the last mail that had one
	ip      string                       // of the viewer
	ways    []string                     // ids of ways to sign in that can be removed, as they were last listed
	answer  string                       // the way back from the last provider
	devices []string                     // ids of sessions, as they were last listed
}

// jar returns the cookies that the browser has for a host.
func (p *player) jar(host string) map[string]string {
	key := p.browser + " " + host
	if p.jars[key] == nil {
		p.jars[key] = map[string]string{}
	}
	return p.jars[key]
}

func (p *player) step(t *testing.T, line string, headers http.Header) []string {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "config":
		p.configure(t, rest)
	case "browser":
		p.browser = rest
	case "from":
		p.ip = rest
	case "wait":
		d, err := time.ParseDuration(rest)
		must(t, err)
		p.clock.Add(d)
	case "down":
		p.faulty.FailView(errDown)
		p.faulty.FailUpdate(errDown)
	case "site", "silently":
		words := strings.Fields(rest)
		p.begin(publisher.Origin(words[0]), sso.Ask{Return: words[1], Silent: word == "silently", Needs: needs(t, words[2:])})
	case "callback":
		return p.callback()
	case "mail":
		m := <-p.mails
		if code := codeInMail.FindString(m.Text); code != "" {
			p.code = code
		}
		if p.to = linkInMail.FindString(m.Text); p.to == "" {
			return []string{m.To + ": " + m.Subject}
		}
		p.link = p.to
		return []string{m.To + ": " + m.Subject, "link to " + plain(p.to)}
	case "agree":
		return p.agree(t, rest)
	case "decline":
		return p.agree(t, "")
	case "out":
		p.internet.Break(socialtest.Provider(strings.TrimPrefix(rest, "of order ")), socialtest.Failing)
	case "GET", "POST", "HEAD", "PUT":
		return p.request(t, word, rest, headers)
	default:
		t.Fatalf("unknown step %q", line)
	}
	return nil
}

// needs reads what a page demands.
func needs(t *testing.T, words []string) (n sso.Needs) {
	t.Helper()
	for _, word := range words {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "verified_email":
			n.VerifiedEmail = true
		case "capture":
			n.Captured = true
		case "consent":
			n.Consents = append(n.Consents, value)
		case "max_age":
			var err error
			n.MaxAge, err = time.ParseDuration(value)
			must(t, err)
		default:
			t.Fatalf("unknown need %q", word)
		}
	}
	return n
}

// begin asks the hub as a site does.
func (p *player) begin(site publisher.Origin, ask sso.Ask) {
	recorder := httptest.NewRecorder()
	p.site = site
	p.ask = strings.TrimPrefix(p.sso.Begin(recorder, p.asking("GET", string(site)+ask.Return, nil), site, ask), hub)
	p.keep(site.Host(), recorder)
}

// callback takes the visitor back at the site.
func (p *player) callback() []string {
	recorder := httptest.NewRecorder()
	result, err := p.sso.Finish(p.ctx, recorder, p.asking("GET", p.to, nil), p.site)
	p.keep(p.site.Host(), recorder)
	switch {
	case err != nil:
		return []string{"refused: " + err.Error()}
	case result.Denied != "":
		return []string{"not signed in at " + p.site.Host() + ": " + result.Denied, "on to " + result.Return}
	}
	return []string{fmt.Sprintf("signed in at %s as a customer of %d", p.site.Host(), result.Session.PublisherID), "on to " + result.Return}
}

// asking makes a request with the browser's cookies.
func (p *player) asking(method, target string, form url.Values) *http.Request {
	body := strings.NewReader(form.Encode())
	r := httptest.NewRequest(method, target, body)
	r.RemoteAddr = net.JoinHostPort(cmp.Or(p.ip, "203.0.113.7"), "50000")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", p.browser)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	jar := p.jar(r.URL.Host)
	for _, name := range sortedNames(jar) {
		r.AddCookie(&http.Cookie{Name: name, Value: jar[name]})
	}
	return r
}

func sortedNames(jar map[string]string) []string {
	names := make([]string, 0, len(jar))
	for name := range jar {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// keep does with cookies what browsers do.
func (p *player) keep(host string, recorder *httptest.ResponseRecorder) {
	for _, c := range recorder.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(p.jar(host), c.Name)
		} else {
			p.jar(host)[c.Name] = c.Value
		}
	}
}

// request sends a request to the hub and returns what comes back.
func (p *player) request(t *testing.T, method, rest string, headers http.Header) []string {
	t.Helper()
	words := strings.Fields(rest)
	var form url.Values
	if method == "POST" {
		form = url.Values{}
		for _, field := range words[1:] {
			name, value, _ := strings.Cut(field, "=")
			value, err := url.QueryUnescape(value)
			must(t, err)
			typed := " " + strings.ToLower(strings.ReplaceAll(p.code, "-", " ")) + " "
			for i, id := range p.devices {
				value = strings.ReplaceAll(value, fmt.Sprintf("$session%d", i+1), id)
			}
			for i, id := range p.ways {
				value = strings.ReplaceAll(value, fmt.Sprintf("$way%d", i+1), id)
			}
			form.Add(name, long(strings.NewReplacer("$code", p.code, "$typed", typed).Replace(value)))
		}
	}
	target := strings.NewReplacer("$ask", p.ask, "$query", query(p.ask), "$answer", p.answer, "$to", p.to, "$linkquery", query(p.link), "$link", p.link).Replace(words[0])
	r := p.asking(method, hub+strings.TrimPrefix(target, hub), form)
	for name := range headers {
		if r.Header.Set(name, headers.Get(name)); headers.Get(name) == "" {
			r.Header.Del(name)
		}
	}
	recorder := p.do(r)
	if listed := listedSession.FindAllStringSubmatch(recorder.Body.String(), -1); listed != nil {
		p.devices = nil
		for _, found := range listed {
			p.devices = append(p.devices, found[1])
		}
	}
	if listed := listedWay.FindAllStringSubmatch(recorder.Body.String(), -1); listed != nil {
		p.ways = nil
		for _, found := range listed {
			p.ways = append(p.ways, found[1])
		}
	}
	return append(seen(t, recorder), cookiesSeen(recorder)...)
}

// do sends a request to the hub.
func (p *player) do(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	p.mux.ServeHTTP(recorder, r)
	p.keep("id.example.com", recorder)
	if location := recorder.Header().Get("Location"); location != "" {
		p.to = strings.TrimSuffix(location, "#") // which browsers keep to themselves
	}
	return recorder
}

func query(address string) string { _, q, _ := strings.Cut(address, "?"); return q }

// long writes out ‹x100› as a hundred of the character before it.
func long(s string) string {
	before, rest, ok := strings.Cut(s, "‹x")
	if !ok {
		return s
	}
	var n int
	fmt.Sscanf(rest, "%d", &n)
	return before + strings.Repeat(before[len(before)-1:], n-1)
}

// cookiesSeen tells which cookies were set; of the hub's, how many sessions it
// proves.
func cookiesSeen(recorder *httptest.ResponseRecorder) []string {
	var list []string
	for _, c := range recorder.Result().Cookies() {
		switch {
		case c.MaxAge < 0:
			list = append(list, "cookie "+plainCookie(c.Name)+" removed")
		case c.Name == "__Host-usher-hub":
			list = append(list, fmt.Sprintf("cookie %s with %d sessions", c.Name, strings.Count(c.Value, "~")+1))
		default:
			list = append(list, "cookie "+plainCookie(c.Name))
		}
	}
	return list
}
