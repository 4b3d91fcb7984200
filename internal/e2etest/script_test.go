// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// The script of the pages, in a browser that holds it to the pages' policy.
func TestScriptShowsPasswordsAndSendsFormsOnce(t *testing.T) {
	t.Parallel()
	s := startForBrowsers(t, standard)
	b := s.chromium(t)
	b.open(s.hub + "/register?ui_locales=de")
	b.write("email", "script@viewer.test")
	b.write("password", "short")
	const kind = `document.getElementById("password").type`
	for _, want := range []string{"text", "password", "text"} {
		b.do(chromedp.Click(chromedp.CSS("button.reveal")))
		if got := ask(b, chromedp.Evaluate[string](kind)); got != want {
			t.Errorf("the field is a %s, want %s", got, want)
		}
	}
	if got := ask(b, chromedp.Evaluate[string](`document.querySelector("button.reveal").getAttribute("aria-label")`)); got != "Passwort verbergen" {
		t.Errorf("the button says %q", got)
	}

	// Two taps, of which the second comes before the page has gone.
	sent := ask(b, chromedp.Evaluate[int](`(() => {
		let sent = 0;
		document.forms[0].noValidate = true;
		document.forms[0].addEventListener("submit", (e) => { sent += e.defaultPrevented ? 0 : 1; e.preventDefault(); });
		document.querySelector("button[type=submit]").click();
		document.querySelector("button[type=submit]").click();
		return sent;
	})()`))
	busy := ask(b, chromedp.Evaluate[string](`document.querySelector("button[type=submit]").textContent`))
	if got := ask(b, chromedp.Evaluate[string](kind)); sent != 1 || busy != "Einen Moment…" || got != "password" {
		t.Errorf("sent %d times, the button says %q, the field is a %s", sent, busy, got)
	}
	again := ask(b, chromedp.Evaluate[string](`dispatchEvent(new PageTransitionEvent("pageshow")); document.querySelector("button[type=submit]").textContent`))
	if again != "Konto erstellen" {
		t.Errorf("back at the page, the button says %q", again)
	}

	// A refusal is what is read first.
	b.open(s.hub + "/register?ui_locales=de")
	b.forgive("status of 422")
	b.write("email", "script@viewer.test")
	b.write("password", "short")
	ask(b, chromedp.Evaluate[bool](`document.forms[0].noValidate = true`))
	if status := b.click("button[type=submit]"); status != 422 {
		t.Errorf("status %d", status)
	}
	if got := ask(b, chromedp.Evaluate[string](`document.activeElement.id`)); got != "alert" {
		t.Errorf("the focus is on %q", got)
	}
}
