// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/authstore"
)

// ranges are the times that the overview shows.
func (o *office) ranges(t *testing.T, list []authstore.Import) {
	c := o.reader.page("")
	for _, tt := range []struct {
		days int
		name string
	}{{30, "30 days"}, {7, "7 days"}, {90, "90 days"}, {366, "A year"}} {
		if tt.days != 30 { // which is what it shows by itself
			c.click(fmt.Sprintf(`main a[href="?days=%d"]`, tt.days))
		}
		current := ask(c.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main a[aria-current]")].map(tab => tab.innerText)`))
		if !slices.Equal(current, []string{tt.name}) {
			t.Errorf("the overview says that it shows %q, want %s", current, tt.name)
		}
		got := ask(c.chromium, chromedp.Evaluate[[][]string](`[...document.querySelectorAll("section:has(#registrations) tbody tr")]
			.map(row => [row.querySelector("time").dateTime, row.cells[1].textContent])`))
		if len(got) != tt.days {
			t.Fatalf("%s: numbers of %d days", tt.name, len(got))
		}
		sum := 0
		for _, row := range got {
			want := 0
			for _, in := range list {
				if in.Customer.Registered.Format(time.DateOnly) == row[0] {
					want++
				}
			}
			if sum += want; row[1] != strconv.Itoa(want) {
				t.Errorf("%s: on %s there were %s registrations, want %d", tt.name, row[0], row[1], want)
			}
		}
		if sum == 0 {
			t.Errorf("%s: nobody has registered", tt.name)
		}
		c.says(fmt.Sprintf("Registrations: %d in all", sum))
	}
}

// earlier writes into the log what the publisher's servers have done some time ago.
func earlier(ctx context.Context, b authstore.Backend) error {
	for _, days := range []int{40, 10} {
		store := authstore.New(b, func() time.Time { return time.Now().AddDate(0, 0, -days) })
		_, err := store.Audit(ctx, authstore.AuditEntry{
			PublisherID: 100_000_001, Actor: "server", ActorName: "API token", Act: "customer.enable", Target: "123456789",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// entry is a line of the log as a page shows it.
type entry struct{ Day, Who, Act, Target string }

// entries returns the lines on the page and on all that follow.
func (c *colleague) entries() (all []entry) {
	c.t.Helper()
	for {
		all = append(all, ask(c.chromium, chromedp.Evaluate[[]entry](`[...document.querySelectorAll("main tbody tr")].map(({cells}) => ({
			Day: cells[0].querySelector("time").dateTime.slice(0, 10), Who: cells[1].innerText, Act: cells[2].querySelector("code").innerText, Target: cells[3].innerText,
		}))`))...)
		if !c.finds(nextPage) {
			return all
		}
		c.click(nextPage)
	}
}

// option returns the value of what a list to choose from offers in the given words.
func (c *colleague) option(id, words string) string {
	c.t.Helper()
	return ask(c.chromium, chromedp.Evaluate[string](fmt.Sprintf(`[...document.getElementById(%q).options].find(option => option.text == %q).value`, id, words)))
}

// logbook is what can be found in the log of all that was done.
func (o *office) logbook(t *testing.T, list []authstore.Import) {
	one, other := strconv.FormatInt(list[0].Customer.ID, 10), strconv.FormatInt(list[2].Customer.ID, 10)
	o.support.page("customers/"+one).does("customer.disable", one).does("customer.enable", one)
	o.support.page("customers/"+other).does("customer.verify", other)

	c := o.reader.page("audit")
	all := c.entries()
	day := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	for _, tt := range []struct {
		fields []string
		fits   func(entry) bool
	}{
		{[]string{"actor", o.support.email}, func(e entry) bool { return e.Who == o.support.email }},
		{[]string{"actor", "API token"}, func(e entry) bool { return e.Who == "API token" }},
		{[]string{"act", "customer.enable"}, func(e entry) bool { return e.Act == "customer.enable" }},
		{[]string{"act", "All of customer"}, func(e entry) bool { return strings.HasPrefix(e.Act, "customer.") }},
		{[]string{"target", one}, func(e entry) bool { return e.Target == one }},
		{[]string{"target", "house_rules"}, func(e entry) bool { return e.Target == "house_rules" }},
		{[]string{"from", day(-39), "to", day(-1)}, func(e entry) bool { return e.Day >= day(-39) && e.Day <= day(-1) }},
		{[]string{"actor", o.support.email, "act", "customer.enable", "target", one, "from", day(-1), "to", day(1)},
			func(e entry) bool { return e.Who == o.support.email && e.Act == "customer.enable" }},
	} {
		c.page("audit")
		for i, field := range tt.fields {
			if field == "actor" || field == "act" {
				tt.fields[i+1] = c.option("filter-"+field, tt.fields[i+1])
			}
		}
		c.narrows(tt.fields...)
		want := slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return !tt.fits(e) })
		if got := c.entries(); len(want) == 0 || len(want) == len(all) || !slices.Equal(got, want) {
			t.Errorf("by %q the log has\n%v\nwant\n%v", tt.fields, got, want)
		}
	}
	c.page("audit").narrows("target", "nothing.like.it")
	c.says("No entry fits.")
	c.click("form.filter a.button") // clear
	if got := c.entries(); !slices.Equal(got, all) {
		t.Errorf("when the filter is cleared, the log has\n%v\nwant\n%v", got, all)
	}
}
