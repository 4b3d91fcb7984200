// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// twoDesks is the standard Caddyfile with two publishers, of which each has a
// dashboard of its own, and a name that leads to the hub and is not its own.
var twoDesks = strings.NewReplacer(
	"			name \"Example Media\"\n", "			name \"Example Media\"\n			sites {{.News}}\n",
	"offers S100000001_US\n		}", "offers S100000001_US\n		}\n		publisher 100000002 {\n			sites {{.Sports}}\n		}",
	"\n{{.Hub}} {", "\n{{.Hub}}, http://evil.localhost:{{.Port}} {",
).Replace(standard)

// The addresses of a publisher's dashboard below the hub.
const (
	deskPages = "/admin/100000001/"
	deskAPI   = "/admin/api/100000001/"
)

const clerkPassword = "four wombats paint 7 doors"

// clerk is a member of staff who is signed in, in a browser without a window.
type clerk struct {
	*visitor
	email    string
	totp     string   // the secret of the second factor; "" for none
	recovery []string // codes that are left
}

var (
	invitationLink = regexp.MustCompile(`https?://[^\s"<]+/admin/invite\?token=([A-Za-z0-9_-]+)`)
	sealedField    = regexp.MustCompile(`name="sealed" value="([^"]+)"`)
	typedKey       = regexp.MustCompile(`(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}`)
	recoveryForm   = regexp.MustCompile(`\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b`)
)

// invites has the operator invite somebody, and returns the link.
func (s *server) invites(t testing.TB, email, role, publishers string) string {
	t.Helper()
	out, err := command(t, s.dir, "staff", "invite", "--address", s.admin, "--publisher", publishers, "--role", role, email)
	link := invitationLink.FindString(out)
	if err != nil || link == "" {
		t.Fatalf("inviting %s: %v\n%s", email, err, out)
	}
	return link
}

// hires returns a member of staff who has just signed in, owners with a second
// factor.
func (s *server) hires(t testing.TB, email, role, publishers string) *clerk {
	t.Helper()
	c := &clerk{visitor: s.visitor(t), email: email}
	link := s.invites(t, email, role, publishers)
	c.open(link).says(t, 200)
	c.submit(s.hub+"/admin/invite", url.Values{"token": {invitationLink.FindStringSubmatch(link)[1]}, "password": {clerkPassword}}).says(t, 303)
	if role == "owner" {
		c.enrols(t)
	}
	return c
}

func (c *clerk) enrols(t testing.TB) {
	t.Helper()
	page := c.open(c.s.hub+"/admin/second-factor/new").says(t, 200)
	sealed, key := sealedField.FindStringSubmatch(page.body), typedKey.FindString(page.body)
	if sealed == nil || key == "" {
		t.Fatalf("no second factor at\n%s", page.body)
	}
	c.totp = strings.ReplaceAll(key, " ", "")
	code, err := totp.GenerateCode(c.totp, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	done := c.submit(c.s.hub+"/admin/second-factor/new", url.Values{"sealed": {sealed[1]}, "code": {code}}).says(t, 200)
	c.recovery = recoveryForm.FindAllString(done.body, -1)
	if len(c.recovery) < 10 {
		t.Fatalf("recovery codes %q at\n%s", c.recovery, done.body)
	}
}

// spare returns a code of the second factor that was not used.
func (c *clerk) spare() (code string) {
	code, c.recovery = c.recovery[0], c.recovery[1:]
	return code
}

// comesIn signs the member in, in another browser.
func (c *clerk) comesIn(t testing.TB) *clerk {
	t.Helper()
	other := *c
	other.visitor = c.s.visitor(t)
	other.submit(c.s.hub+"/admin/sign-in", url.Values{"email": {c.email}, "password": {clerkPassword}}).says(t, 303)
	if c.totp != "" {
		other.submit(c.s.hub+"/admin/second-factor", url.Values{"code": {c.spare()}}).says(t, 303)
		other.recovery = c.recovery
	}
	return &other
}

// works tells whether the browser is signed in at the dashboard.
func (c *clerk) works() bool {
	c.t.Helper()
	page, data := c.open(c.s.hub+deskPages+"customers").status, c.fetch(c.s.hub+deskAPI+"customers").status
	if page == 200 != (data == 200) {
		c.t.Errorf("%s: the page answers %d, the API %d", c.email, page, data)
	}
	return page == 200
}

// logs returns how many entries the audit log has.
func (c *clerk) logs(t testing.TB) int {
	t.Helper()
	var page struct {
		ResponseData struct{ Entries []struct{ Act string } }
	}
	c.fetch(c.s.hub+deskAPI+"audit?limit=200").says(t, 200).json(t, &page)
	return len(page.ResponseData.Entries)
}

// orders has the API do an act, as a page's script would.
func (c *clerk) orders(path, body string) answer {
	c.t.Helper()
	return c.send("POST", c.s.hub+deskAPI+path, body, append([]string{"Content-Type: application/json", "Origin: " + c.s.hub}, asScript...)...)
}
