// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/authstore/bolt"
)

// TestStaffLookThingsUpAndPlanAheadInARealBrowser looks through lists that are longer
// than a page, and sees consents come into force, at one server: each part stands on
// what the parts before it have left.
func TestStaffLookThingsUpAndPlanAheadInARealBrowser(t *testing.T) {
	o := openOffice(t)
	list := crowd(time.Now().UTC())
	o.part("a crowd, and staff", func(t *testing.T) {
		o.aside(func(b authstore.Backend) error {
			return errors.Join(authstore.New(b, time.Now).ImportCustomers(t.Context(), list), earlier(t.Context(), b))
		})
		o.moveIn(t)
	})
	o.part("numbers of some days", func(t *testing.T) { o.ranges(t, list) })
	o.part("who is looked for", func(t *testing.T) { o.searches(t, list) })
	o.part("filters", func(t *testing.T) { o.filters(t, list) })
	o.part("a filter that cannot be", func(t *testing.T) { o.brokenFilter(t, list) })
	o.part("orders", func(t *testing.T) { o.orders(t, list) })
	o.part("pages", func(t *testing.T) { o.pages(t, list) })
	o.part("translations", o.translations)
	o.part("languages", o.languages)
	o.part("a version to come", o.versionToCome)
	o.part("comes", o.versionComes)
	o.part("and must be accepted", o.versionBinds)
	o.part("the log", func(t *testing.T) { o.logbook(t, list) })
}

// aside does something to the store while the server does not run.
func (o *office) aside(work func(authstore.Backend) error) {
	o.t.Helper()
	o.stop()
	backend, err := bolt.Open(filepath.Join(o.dir, "usher.db"), bolt.Options{})
	if err != nil {
		o.t.Fatal(err)
	}
	defer o.restart()
	defer backend.Close()
	if err := work(backend); err != nil {
		o.t.Fatal(err)
	}
}

// moveIn is how those come in whom the operator has invited.
func (o *office) moveIn(t *testing.T) {
	for c, role := range map[*colleague]string{o.owner: "owner", o.editor: "editor", o.support: "support", o.reader: "readonly"} {
		c.open(o.server.invites(t, c.email, role, publisherID))
		c.fill("invitation-password", password)
		c.press("main form")
	}
	o.owner.wantsPage("/admin/second-factor/new")
	o.owner.enrols()
}

// crowd are customers who differ in all that lists go by. The days before today have
// seen one of them each.
func crowd(now time.Time) (list []authstore.Import) {
	firsts := strings.Fields("Ida Jon Mia Ole Pia Ute Max Eva Tim Lea Kim")
	lasts := strings.Fields("Zander Acker Blom Ibsen Dahl Evers Falk Graf Hagen Moen Jansen")
	for i := 1; i <= 120; i++ {
		c := authstore.Customer{
			ID: 999_999_999 - int64(i)*1009, PublisherID: 100_000_001, FirstName: firsts[i%11], LastName: lasts[i/11],
			Registered: now.Truncate(24*time.Hour).AddDate(0, 0, -i), Disabled: i%10 == 0,
		}
		c.Email = fmt.Sprintf("%s.%d@crowd.test", strings.ToLower(c.FirstName), i)
		if i%40 == 0 {
			c.FirstName, c.LastName = "", ""
		}
		if i%2 == 0 {
			c.ExternalID = fmt.Sprintf("crm-%03d", i)
		}
		if i%3 != 0 {
			c.EmailVerified = c.Registered.Add(time.Hour)
		}
		if i%4 != 0 {
			c.LastLogin = c.Registered.Add(time.Duration(i) * time.Duration(5+i%13) * time.Hour)
		}
		in := authstore.Import{Customer: c, Identity: authstore.Identity{Provider: authstore.ProviderPassword, Subject: c.Email}}
		if i%5 != 0 { // the rest has not answered
			in.Answers = []authstore.ConsentRecord{{Name: "news", Version: strconv.Itoa(i % 5 / 4), State: authstore.Accepted}}
		}
		if i%5 == 3 {
			in.Answers[0] = authstore.ConsentRecord{Name: "news", Version: "1", State: authstore.Declined}
		}
		list = append(list, in)
	}
	return list
}

// byRegistration and the others are the orders of the list of customers.
func byRegistration(a, b authstore.Import) int {
	return b.Customer.Registered.Compare(a.Customer.Registered)
}

func byLogin(a, b authstore.Import) int {
	return cmp.Or(b.Customer.LastLogin.Compare(a.Customer.LastLogin), cmp.Compare(a.Customer.ID, b.Customer.ID))
}

func byEmail(a, b authstore.Import) int { return strings.Compare(a.Customer.Email, b.Customer.Email) }

func byName(a, b authstore.Import) int {
	name := func(in authstore.Import) string {
		if in.Customer.LastName == "" {
			return "~" // at the end
		}
		return strings.ToLower(in.Customer.LastName + " " + in.Customer.FirstName)
	}
	return cmp.Or(strings.Compare(name(a), name(b)), cmp.Compare(a.Customer.ID, b.Customer.ID))
}

// emails returns the addresses of those who fit, in an order; nil is everybody.
func emails(list []authstore.Import, order func(a, b authstore.Import) int, fits func(authstore.Import) bool) (all []string) {
	for _, in := range slices.SortedStableFunc(slices.Values(list), order) {
		if fits == nil || fits(in) {
			all = append(all, in.Customer.Email)
		}
	}
	return all
}

// nextPage leads on through a list.
const nextPage = `.pager a[rel=next]`

// lists returns the addresses of the customers on the page.
func (c *colleague) lists() []string {
	c.t.Helper()
	return ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main tbody th a")].map(link => link.innerText)`))
}

// listsAll returns those on the page and on all that follow.
func (c *colleague) listsAll() []string {
	c.t.Helper()
	all := c.lists()
	for c.finds(nextPage) {
		c.click(nextPage)
		all = append(all, c.lists()...)
	}
	return all
}

// wantsList checks who is listed from this page on.
func (c *colleague) wantsList(what string, want []string) {
	c.t.Helper()
	if got := c.listsAll(); !slices.Equal(got, want) {
		c.t.Errorf("%s: listed are\n%q\nwant\n%q", what, got, want)
	}
}

// applies sends the filter.
func (c *colleague) applies() int {
	c.t.Helper()
	c.unfold("form.filter details button")
	return c.click("form.filter details button")
}

// narrows fills in the filter and sends it: fields and values in turn, "" to tick a
// box.
func (c *colleague) narrows(fields ...string) int {
	c.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		switch id := "filter-" + fields[i]; {
		case fields[i+1] == "":
			c.check(id)
		case fields[i] == "search" || fields[i] == "target" || fields[i] == "consentVersion":
			c.fill(id, fields[i+1])
		default:
			c.set(id, fields[i+1])
		}
	}
	return c.applies()
}

// filled returns what the filter is filled in with.
func (c *colleague) filled() map[string]string {
	c.t.Helper()
	all := ask(c.chromium, chromedp.Evaluate[map[string]string](`Object.fromEntries(new FormData(document.querySelector("form.filter")))`))
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return all
}

// search sends what is typed into the one box.
const search = "form.filter .search button"

// searches is what is typed into the one box.
func (o *office) searches(t *testing.T, list []authstore.Import) {
	starts := func(of func(authstore.Customer) string, text string) func(authstore.Import) bool {
		return func(in authstore.Import) bool { return strings.HasPrefix(strings.ToLower(of(in.Customer)), text) }
	}
	for _, tt := range []struct {
		typed string
		fits  func(authstore.Import) bool
	}{
		{"IDA.1", starts(func(c authstore.Customer) string { return c.Email }, "ida.1")},
		{"jon.12@crowd.test", starts(func(c authstore.Customer) string { return c.Email }, "jon.12@")},
		{strconv.FormatInt(list[41].Customer.ID, 10), func(in authstore.Import) bool { return in.Customer.ID == list[41].Customer.ID }},
		{"crm-07", starts(func(c authstore.Customer) string { return c.ExternalID }, "crm-07")},
		{"acker", starts(func(c authstore.Customer) string { return c.LastName }, "acker")},
		{"Acker M", starts(func(c authstore.Customer) string { return c.LastName + " " + c.FirstName }, "acker m")},
		{"mia A", starts(func(c authstore.Customer) string { return c.FirstName + " " + c.LastName }, "mia a")},
		{"i", func(in authstore.Import) bool {
			return in.Customer.LastName == "Ibsen" || strings.HasPrefix(in.Customer.Email, "i")
		}}, // each once
	} {
		c := o.reader.page("customers").fill("filter-search", tt.typed)
		c.click(search)
		got, want := slices.Sorted(slices.Values(c.listsAll())), emails(list, byEmail, tt.fits)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("looking for %q finds\n%q\nwant\n%q", tt.typed, got, want)
		}
	}
	c := o.support.page("customers").fill("filter-search", "nobody.at.all")
	c.click(search)
	c.walk.look("staff-customers-none")
	c.says("No customer fits.", "0 customers on this page")
}

// filters is what is filled in below it.
func (o *office) filters(t *testing.T, list []authstore.Import) {
	day := func(i int) string { return list[i-1].Customer.Registered.Format(time.DateOnly) }
	within := func(t time.Time, from, to string) bool {
		return from <= t.Format(time.DateOnly) && t.Format(time.DateOnly) <= to
	}
	says := func(in authstore.Import, state authstore.ConsentState, version string) bool {
		return len(in.Answers) > 0 && in.Answers[0].State == state && strings.HasPrefix(in.Answers[0].Version, version)
	}
	for name, tt := range map[string]struct {
		fields []string
		fits   func(authstore.Import) bool
	}{
		"registered between": {[]string{"registeredFrom", day(40), "registeredTo", day(20)},
			func(in authstore.Import) bool { return within(in.Customer.Registered, day(40), day(20)) }},
		"last login between": {[]string{"lastLoginFrom", day(60), "lastLoginTo", day(30)},
			func(in authstore.Import) bool { return within(in.Customer.LastLogin, day(60), day(30)) }},
		"accepted": {[]string{"consent", "news", "consentState", "accepted"}, func(in authstore.Import) bool { return says(in, authstore.Accepted, "") }},
		"accepted in one version": {[]string{"consent", "news", "consentState", "accepted", "consentVersion", "0"},
			func(in authstore.Import) bool { return says(in, authstore.Accepted, "0") }},
		"declined":     {[]string{"consent", "news", "consentState", "declined"}, func(in authstore.Import) bool { return says(in, authstore.Declined, "") }},
		"not answered": {[]string{"consent", "news", "consentState", "missing"}, func(in authstore.Import) bool { return len(in.Answers) == 0 }},
		"unverified":   {[]string{"unverified", ""}, func(in authstore.Import) bool { return in.Customer.EmailVerified.IsZero() }},
		"disabled":     {[]string{"disabled", ""}, func(in authstore.Import) bool { return in.Customer.Disabled }},
		"all at once": {
			[]string{"registeredFrom", day(110), "registeredTo", day(10), "lastLoginFrom", day(100), "lastLoginTo", day(1), "consent", "news", "consentState", "accepted", "unverified", ""},
			func(in authstore.Import) bool {
				c := in.Customer
				return within(c.Registered, day(110), day(10)) && within(c.LastLogin, day(100), day(1)) && says(in, authstore.Accepted, "") && c.EmailVerified.IsZero()
			},
		},
	} {
		c := o.support.page("customers")
		c.narrows(tt.fields...)
		want := emails(list, byRegistration, tt.fits)
		if len(want) == 0 || len(want) == len(list) {
			t.Fatalf("%s: %d of %d customers", name, len(want), len(list))
		}
		c.says(fmt.Sprintf("%d in use", len(tt.fields)/2))
		c.wantsList(name, want)
	}
	c := o.support
	c.click("form.filter a.button") // clear
	if n := len(c.lists()); n != 50 || len(c.filled()) > 0 {
		t.Errorf("when the filter is cleared, %d are listed and it is %v", n, c.filled())
	}
	c.fill("filter-search", "mia")
	c.narrows("unverified", "", "registeredTo", day(60))
	got := slices.Sorted(slices.Values(c.listsAll()))
	if want := emails(list, byEmail, func(in authstore.Import) bool {
		return strings.HasPrefix(in.Customer.Email, "mia") && in.Customer.EmailVerified.IsZero() && within(in.Customer.Registered, "", day(60))
	}); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("a search within filters finds\n%q\nwant\n%q", got, want)
	}
}

// brokenFilter is one that can be filled in and means nothing.
func (o *office) brokenFilter(t *testing.T, list []authstore.Import) {
	c := o.support.page("customers")
	last := list[len(list)-1].Customer.Registered.Format(time.DateOnly)
	status := c.narrows("search", "ida", "sort", "email", "registeredFrom", last, "lastLoginFrom", last, "consentState", "accepted", "consentVersion", "1", "unverified", "")
	c.refused(status, 422, "filter-consent")
	want := map[string]string{
		"search": "ida", "sort": "email", "registeredFrom": last, "lastLoginFrom": last, "consentState": "accepted", "consentVersion": "1", "unverified": "true",
	}
	if got := c.filled(); !maps.Equal(got, want) {
		t.Errorf("the filter has become %v, want %v", got, want)
	}
	c.narrows("consent", "news")
	got := slices.Sorted(slices.Values(c.listsAll()))
	if want := emails(list, byEmail, func(in authstore.Import) bool {
		return strings.HasPrefix(in.Customer.Email, "ida") && !in.Customer.LastLogin.IsZero() && in.Customer.EmailVerified.IsZero() &&
			len(in.Answers) > 0 && in.Answers[0].State == authstore.Accepted && in.Answers[0].Version == "1"
	}); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("once it is mended, the filter finds\n%q\nwant\n%q", got, want)
	}
}

// orders are clicked at the heads of the table, or chosen.
func (o *office) orders(t *testing.T, list []authstore.Import) {
	for _, tt := range []struct {
		sort, head, sorted string
		order              func(a, b authstore.Import) int
	}{
		{"email", "E-mail", "ascending", byEmail}, {"name", "Name", "ascending", byName},
		{"lastLogin", "Last login", "descending", byLogin}, {"registered", "Registered", "descending", byRegistration},
	} {
		c := o.reader.page("customers?disabled=true")
		c.click(`main thead a[href*="sort=` + tt.sort + `"]`)
		sorted := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main th[aria-sort]")].map(head => head.innerText.replace(/[▲▼]/, "").trim() + " " + head.getAttribute("aria-sort"))`))
		if want := []string{tt.head + " " + tt.sorted}; !slices.EqualFunc(sorted, want, strings.EqualFold) {
			t.Errorf("the table says that it is sorted by %q, want %q", sorted, want)
		}
		c.wantsList("the disabled by "+tt.sort, emails(list, tt.order, func(in authstore.Import) bool { return in.Customer.Disabled }))
	}
	c := o.support.page("customers")
	c.set("filter-sort", "lastLogin").applies()
	c.wantsList("all by last login", emails(list, byLogin, nil))
	c.page("customers").set("filter-sort", "name").applies()
	c.wantsList("all by name", emails(list, byName, nil))
}

// pages are read while customers come.
func (o *office) pages(t *testing.T, list []authstore.Import) {
	c, was := o.reader.page("customers?sort=email"), emails(list, byEmail, nil)
	at := func(what string, want []string) {
		t.Helper()
		if got := c.lists(); !slices.Equal(got, want) {
			t.Errorf("%s has\n%q\nwant\n%q", what, got, want)
		}
	}
	at("the first page", was[:50])
	o.register(t, "aaron")           // would be on the first page
	o.register(t, was[100][:3]+".x") // will be on the last
	c.click(nextPage)
	at("the second page", was[50:100])
	o.register(t, "abel")
	c.click(nextPage)
	last := append(slices.Clone(was[100:]), was[100][:3]+".x@viewer.test")
	slices.Sort(last)
	at("the last page", last)
	if c.finds(nextPage) {
		t.Error("there is a page after the last")
	}
	c.lands(chromedp.NavigateBack())
	at("the second page again", was[50:100])
	c.lands(chromedp.NavigateForward())
	at("the last page again", last)
	c.click(`.pager a:not([rel])`)
	at("the first page, of those who have come as well", append([]string{"aaron@viewer.test", "abel@viewer.test"}, was[:48]...))
	if c.finds(`.pager a:not([rel])`) {
		t.Error("the first page leads to the first page")
	}
}
