// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/npmtest"
)

// mustAxe returns the script, or "" where it cannot be had.
func mustAxe(t testing.TB) string {
	t.Helper()
	script, err := npmtest.Axe()
	if lack := npmtest.Missing(""); errors.As(err, &lack) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// violation is a rule that a page breaks, and where.
type violation struct {
	Rule, Help string
	Nodes      []struct{ Target, HTML, Summary string }
}

func (v violation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s", v.Rule, v.Help)
	for _, n := range v.Nodes {
		fmt.Fprintf(&s, "\n\tat %s\n\t%s\n\t%s", n.Target, n.HTML, strings.ReplaceAll(n.Summary, "\n", " "))
	}
	return s.String()
}

// runAxe asks for everything that WCAG 2.2 wants at levels A and AA and that is
// good practice. Colours are judged in light and in dark.
const runAxe = `axe.run(document, {runOnly: %s, resultTypes: ["violations"], preload: false}).then(all => all.violations.map(v => ({
	Rule: v.id, Help: v.help, Nodes: v.nodes.map(n => ({Target: n.target.join(" "), HTML: n.html, Summary: n.failureSummary}))
})))`

const (
	allRules    = `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}`
	colourRules = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// audit returns what axe finds on the page that the browser shows, in light and
// in dark. It runs in a world of its own, so that the page's policy and scripts
// are as they are.
func (b *chromium) audit() []violation {
	b.t.Helper()
	script := mustAxe(b.t)
	if script == "" {
		return nil
	}
	world := ask(b, func(ctx context.Context, target *chromedp.Target) (runtime.ExecutionContextID, error) {
		tree, err := cdp.Call(ctx, target, page.GetFrameTree, cdp.Empty{})
		if err != nil {
			return 0, err
		}
		made, err := cdp.Call(ctx, target, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"})
		return made.ExecutionContextID, err
	})
	there := func(p *runtime.EvaluateParams) { p.ContextID = world }
	ask(b, chromedp.Evaluate[bool](script, there, chromedp.EvalAwaitPromise))
	found := ask(b, chromedp.Evaluate[[]violation](fmt.Sprintf(runAxe, allRules), there, chromedp.EvalAwaitPromise))
	b.scheme("dark")
	for _, v := range ask(b, chromedp.Evaluate[[]violation](fmt.Sprintf(runAxe, colourRules), there, chromedp.EvalAwaitPromise)) {
		v.Rule += " in the dark"
		found = append(found, v)
	}
	b.scheme("light")
	return found
}

// scheme sets the colours that the viewer prefers, and that nothing moves: a
// colour on its way to another is neither.
func (b *chromium) scheme(name string) {
	b.t.Helper()
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// TestAxeFindsWhatIsWrong proves that the audits of these tests would find
// something, and says when they cannot be done.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	chromiumPath(t, lightBrowser)
	if mustAxe(t) == "" {
		_, err := npmtest.Axe()
		t.Skip("!!! NO AXE, nothing tells whether everybody can use the pages: " + err.Error())
	}
	s := startForBrowsers(t, standard)
	b := s.chromium(t)
	b.scheme("light")
	b.open(s.hub + "/login")
	if found := b.audit(); len(found) > 0 {
		t.Fatalf("the page as it is: %v", found)
	}
	for rule, harm := range map[string]string{
		"label":                      `document.querySelector("label").remove()`,
		"html-has-lang":              `document.documentElement.removeAttribute("lang")`,
		"color-contrast":             `document.querySelector("h1").className = "pale"`,
		"color-contrast in the dark": `document.querySelector("p.lead").className = "dim"`,
	} {
		b.open(s.hub + "/login")
		ask(b, chromedp.Evaluate[bool](`(() => {
			const rules = document.styleSheets[0]
			rules.insertRule(".pale { color: #ddd }", rules.cssRules.length)
			rules.insertRule("@media (prefers-color-scheme: dark) { .dim { color: #333 } }", rules.cssRules.length)
		})(), `+harm+`, true`))
		var rules []string
		for _, v := range b.audit() {
			rules = append(rules, v.Rule)
		}
		if !slices.Contains(rules, rule) {
			t.Errorf("axe does not find %s but %q", rule, rules)
		}
	}
}
