// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium is a window of a real browser that shares nothing with others but the
// process: to servers it is a browser of its own. It remembers every redirect
// that led to a page, and everything that the browser had to complain about, which
// fails the test unless it was forgiven.
type chromium struct {
	t   testing.TB
	s   *server
	ctx context.Context

	mu        sync.Mutex
	redirects []string // guarded by mu; where each led from, since the last navigation
	kept      []string // guarded by mu; pages that came back whole from memory
	faults    []string // guarded by mu
	forgiven  []string // guarded by mu
}

// stepTime bounds one step in a browser, which takes long on a busy machine.
const stepTime = time.Minute

// thirdPartyBlocked and thirdPartyAllowed are settings of a profile; the first
// is what browsers come to by themselves.
const (
	thirdPartyBlocked = `{"profile": {"block_third_party_cookies": true, "cookie_controls_mode": 1}}`
	thirdPartyAllowed = `{"profile": {"block_third_party_cookies": false, "cookie_controls_mode": 0}}`
)

// engine is the process of a real browser.
type engine struct {
	ctx  context.Context
	quit func() error
}

// unused is what the browser is not to do, after what chromedp switches off: open
// two pages for each window that would list suggestions under the bar for
// addresses, which nobody sees, and start processes before they are needed. It
// takes more time than most tests need for their own pages.
const unused = "Translate,BlinkGenPropertyTrees,WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess"

// launch starts a browser, with settings for its new profile.
func launch(path, profile, preferences string, options ...chromedp.ExecAllocatorOption) (*engine, error) {
	if err := os.Mkdir(filepath.Join(profile, "Default"), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(preferences), 0o600); err != nil {
		return nil, err
	}
	options = append(append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-features", unused),
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"), // no test leaves this machine
	), options...)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(allocator)
	b := &engine{ctx, func() error {
		err := chromedp.Cancel(ctx)
		leave()
		free()
		return err
	}}
	if err := chromedp.Do(ctx); err != nil { // windows are of a browser that runs
		b.quit()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	return b, nil
}

// launchFor starts a browser that ends with the test.
func launchFor(t testing.TB, preferences string, options ...chromedp.ExecAllocatorOption) *engine {
	t.Helper()
	b, err := launch(chromiumPath(t, wholeBrowser), t.TempDir(), preferences, append(options, trusting(t))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.quit(); err != nil {
			t.Logf("closing the browser: %v", err)
		}
	})
	return b
}

// shared returns the browser whose windows most tests share.
func shared(t testing.TB) *engine {
	t.Helper()
	path := chromiumPath(t, lightBrowser)
	sharing.once.Do(func() {
		profile := filepath.Join(scratch, "browser")
		if sharing.err = os.Mkdir(profile, 0o700); sharing.err == nil {
			sharing.browser, sharing.err = launch(path, profile, thirdPartyBlocked, blockThirdParties, trusting(t))
		}
	})
	if sharing.err != nil {
		t.Fatal(sharing.err)
	}
	return sharing.browser
}

var sharing struct {
	once    sync.Once
	browser *engine
	err     error
}

// chromium opens a window of the shared browser.
func (s *server) chromium(t testing.TB) *chromium {
	t.Helper()
	b := shared(t).window(t, s)
	t.Cleanup(b.judge)
	return b
}

// chromiumWith starts a browser of the test's own, with other settings, and
// returns its first tab.
func (s *server) chromiumWith(t testing.TB, preferences string) *chromium {
	t.Helper()
	b := show(t, s, launchFor(t, preferences).ctx)
	t.Cleanup(b.judge)
	return b
}

// window opens a window that shares nothing with others but the process: to
// servers it is another browser.
func (b *engine) window(t testing.TB, s *server) *chromium {
	t.Helper()
	return show(t, s, b.ctx, s.window())
}

// another opens a window that shares nothing with the browser's own.
func (b *chromium) another(t testing.TB) *chromium {
	t.Helper()
	return show(t, b.s, b.ctx, b.s.window())
}

// tab opens a tab beside the browser's own, with the same cookies.
func (b *chromium) tab(t testing.TB) *chromium {
	t.Helper()
	return show(t, b.s, b.ctx)
}

// show opens a tab, which closes when the test ends.
func show(t testing.TB, s *server, beside context.Context, options ...chromedp.ContextOption) *chromium {
	t.Helper()
	ctx, leave := chromedp.NewContext(beside, options...)
	t.Cleanup(leave)
	b := &chromium{t: t, s: s, ctx: ctx}
	b.listen()
	return b
}

// listen begins to take notes.
func (b *chromium) listen() {
	b.t.Helper()
	if err := chromedp.Listen(b.ctx, b.hear); err != nil {
		b.t.Fatalf("opening a tab: %v", err)
	}
	tell(b, audits.Enable, cdp.Empty{})
	// Others have windows too, and each is to be the one that its viewer looks at.
	tell(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
}

// tell gives the browser a command that answers nothing.
func tell[P any](b *chromium, command cdp.Command[P, cdp.Empty], params P) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	}))
}

// Names that browsers are installed under. The light one is Chromium without what
// surrounds a page, which takes a quarter less time. It has no settings, and keeps no
// page whole in memory: what is about those takes the other.
var (
	wholeBrowser = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}
	lightBrowser = append([]string{"chromium-headless-shell", "chrome-headless-shell"}, wholeBrowser...)
)

// blockThirdParties does what thirdPartyBlocked does, for a browser without
// settings.
var blockThirdParties = chromedp.Flag("test-third-party-cookie-phaseout", true)

// chromiumPath finds the browser by one of its names, or skips the test.
func chromiumPath(t testing.TB, names []string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("!!! NO BROWSER: install the package chromium, or nothing tells whether sign-in works in a real browser")
	return ""
}

// hear takes notes of what happens in the browser.
func (b *chromium) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument && e.RedirectResponse != nil {
			b.redirects = append(b.redirects, e.RedirectResponse.URL)
		}
	case *page.EventFrameNavigated:
		if e.Type == page.NavigationTypeBackForwardCacheRestore {
			b.kept = append(b.kept, e.Frame.URL)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.faults = append(b.faults, string(e.Entry.Source)+": "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			said := "console: " + string(e.Type)
			for _, arg := range e.Args {
				said += " " + arg.Description + string(arg.Value)
			}
			b.faults = append(b.faults, said)
		}
	case *runtime.EventExceptionThrown:
		said := "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			said += " " + e.ExceptionDetails.Exception.Description
		}
		b.faults = append(b.faults, said)
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			b.faults = append(b.faults, "a violation of the content security policy")
		}
	}
}

// forgive says that complaints with the given words are what the test is
// about.
func (b *chromium) forgive(words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forgiven = append(b.forgiven, words)
}

// judge fails the test for what the browser complained about since the last
// judgement.
func (b *chromium) judge() {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
next:
	for _, fault := range faults {
		for _, words := range b.forgiven {
			if strings.Contains(fault, words) {
				continue next
			}
		}
		b.t.Errorf("the browser complains: %s", fault)
	}
}

// do runs steps.
func (b *chromium) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("in the browser, at %s: %v", b.at(), err)
	}
}

// ask runs a step that has a result.
func ask[T any](b *chromium, step chromedp.Action[T]) T {
	b.t.Helper()
	v, err := try(b, step)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return v
}

// try is ask for a step that may fail.
func try[T any](b *chromium, step chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	return chromedp.Run(ctx, step)
}

// lands runs steps that lead to another page, and returns its status.
func (b *chromium) lands(steps ...chromedp.Action[chromedp.Void]) int {
	b.t.Helper()
	b.mu.Lock()
	b.redirects = nil
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	res, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		b.t.Fatalf("in the browser, at %s: %v\n%s", b.at(), err, b.shows())
	}
	return int(res.Status)
}

// open types an address.
func (b *chromium) open(target string) int {
	b.t.Helper()
	return b.lands(chromedp.Navigate(target))
}

// click clicks on what a CSS selector finds, which leads to another page.
func (b *chromium) click(selector string) int {
	b.t.Helper()
	return b.lands(chromedp.Click(chromedp.CSS(selector)))
}

// write types into an empty field.
func (b *chromium) write(id, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.ID(id), text))
}

// at returns the address that the browser shows.
func (b *chromium) at() string {
	location, err := try(b, chromedp.Location())
	if err != nil {
		return err.Error()
	}
	return location
}

// shows returns what a person reads on the page.
func (b *chromium) shows() string {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[string](`document.body.innerText`))
}

// noScript switches scripts off, for all pages from now on.
func (b *chromium) noScript() {
	b.t.Helper()
	b.scriptsOff(true)
}

func (b *chromium) scriptsOff(off bool) {
	b.t.Helper()
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
}

// trail returns the redirects since the last navigation began.
func (b *chromium) trail() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.redirects...)
}

// remembered returns the pages that the browser has shown again as they were.
func (b *chromium) remembered() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.kept...)
}
