// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// form is a page with a form. tokens are its fields' names or ids, each with
// what it tells password managers and browsers to fill in.
type form struct {
	page    string
	account bool // only a signed-in viewer sees it
	tokens  string
}

var forms = []form{
	{"/login", false, "email:username password:current-password"},
	{"/register", false, "email:username password:new-password"},
	{"/forgot", false, "email:username"},
	{"/undo-email", false, "email:email code:one-time-code"},
	{"/account/profile", true, "firstName:given-name lastName:family-name country:country language:language"},
	{"/account/email", true, "email:email current:current-password"},
	{"/account/password", true, "email:username current:current-password password:new-password"},
	{"/account/answers", true, "q-email:email q-firstName:given-name q-lastName:family-name q-birthDate:bday q-address:address-line1 " +
		"q-address2:address-line2 q-city:address-level2 q-state:address-level1 q-postCode:postal-code q-country:country q-phoneNumber:tel q-custom_2:"},
	{"/account/export", true, "current:current-password"},
	{"/account/delete", true, "current:current-password"},
}

// press gives the field with the focus an editing command, as keys do.
func (b *chromium) press(command string) {
	b.t.Helper()
	tell(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeRawKeyDown, Commands: []string{command}})
	tell(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp})
}

func TestFormsWorkWithPasswordManagers(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, wanting(questions))
	w := &walk{language: "en", width: 1280, scripts: true}
	w.chromium = w.settle(s.chromium(t))
	w.account("forms")
	for _, f := range forms {
		if f.account {
			w.goTo(f.page, w.email("forms"))
		} else {
			w.open(s.hub + f.page)
		}
		tokens := ask(w.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio]), select")]
			.map(field => field.id + ":" + (field.getAttribute("autocomplete") ?? ""))`))
		if want := strings.Fields(f.tokens); !slices.Equal(tokens, want) {
			t.Errorf("%s says %q, want %q", f.page, tokens, want)
		}
		passwords := ask(w.chromium, chromedp.Evaluate[[]string](`[...document.querySelectorAll("input[type=password]")].map(field => field.id)`))
		if len(passwords) != strings.Count(f.tokens, "-password") {
			t.Errorf("%s has the password fields %q", f.page, passwords)
		}
		for _, id := range passwords {
			w.pastes(f.page, id)
			w.reveals(f.page, id)
		}
	}
}

// pastes checks that a password can be pasted.
func (w *walk) pastes(page, id string) {
	w.t.Helper()
	ask(w.chromium, chromedp.Evaluate[bool](`(() => {
		const source = document.createElement("textarea")
		source.id = "source"
		document.querySelector("main").append(source)
		return true
	})()`))
	pasted := "pasted " + id + " “1”"
	w.write("source", pasted)
	w.press("selectAll")
	w.press("copy")
	w.write(id, "")
	w.press("paste")
	if got := ask(w.chromium, chromedp.Value(chromedp.ID(id))); got != pasted {
		w.t.Errorf("%s: pasting into %s leaves %q", page, id, got)
	}
	ask(w.chromium, chromedp.Evaluate[bool](`document.getElementById("source").remove(), true`))
}

// reveals checks that the button beside a password shows and hides it, and says
// so to those who cannot see it.
func (w *walk) reveals(page, id string) {
	w.t.Helper()
	button := fmt.Sprintf(`button.reveal[aria-controls=%q]`, id)
	says := func() []string {
		return ask(w.chromium, chromedp.Evaluate[[]string](fmt.Sprintf(`(button => [
			document.getElementById(%q).type, button.getAttribute("aria-label"), button.innerText,
		])(document.querySelector(%q))`, id, button)))
	}
	for i, want := range [][]string{
		{"password", "Show password", "Show"}, {"text", "Hide password", "Hide"}, {"password", "Show password", "Show"},
	} {
		if i > 0 {
			w.do(chromedp.Click(chromedp.CSS(button)))
		}
		if got := says(); !slices.Equal(got, want) {
			w.t.Errorf("%s: after %d clicks the field %s and its button are %q, want %q", page, i, id, got, want)
		}
	}
}

func TestFormSentTwiceMakesOneAccount(t *testing.T) {
	j := setOut(t, wanting(""))
	j.part("by a double click", func(t *testing.T, w *walk) {
		var posts atomic.Int32
		if err := chromedp.Listen(w.ctx, func(event any) {
			if e, ok := event.(*network.EventRequestWillBeSent); ok && e.Request.Method == "POST" {
				posts.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
		w.open(w.s.hub + "/register")
		w.fill("email", w.email("twice"), "password", password)
		w.forgive("status of 422") // of the second, where no script holds it back
		w.lands(chromedp.DoubleClick(chromedp.CSS(submit)))
		if n := posts.Load(); w.scripts && n != 1 {
			t.Errorf("the form was sent %d times", n)
		}
		w.s.login(t, w.email("twice"))
		w.onAnotherDevice().goTo("/account", w.email("twice"))
	})
}
