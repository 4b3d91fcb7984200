// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/usher-sso/usher/internal/npmtest"
)

// This file looks at the pages in a real browser. The folder that
// USHER_SCREENSHOTS names gets pictures of them, for people to look at.

// serving returns the fixtures' pages as <kind>/<name>.
func serving(t *testing.T) *httptest.Server {
	t.Helper()
	r := mustRenderer(t)
	mux := http.NewServeMux()
	mux.Handle("/admin/assets/", http.StripPrefix("/admin/assets", r.Assets()))
	for kind, views := range kinds() {
		for name, v := range views {
			mux.HandleFunc("/"+kind+"/"+name, func(w http.ResponseWriter, _ *http.Request) { r.Show(w, 200, v) })
		}
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// browser is a tab of Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func chromium(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("!!! NO BROWSER: install the package chromium, or nothing tells how the dashboard looks")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root with it
	}
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, leave := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		leave()
		free()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

func ask[T any](b *browser, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return v
}

func tell[P any](b *browser, command cdp.Command[P, cdp.Empty], params P) {
	b.t.Helper()
	ask(b, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, command, params)
	})
}

func (b *browser) open(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) width(pixels int64) {
	b.t.Helper()
	tell(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 900, DeviceScaleFactor: 1})
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// shoot takes a picture of the whole page.
func (b *browser) shoot(file string) {
	b.t.Helper()
	folder := os.Getenv("USHER_SCREENSHOTS")
	if folder == "" {
		return
	}
	size := ask(b, chromedp.Evaluate[[]float64](`[document.documentElement.clientWidth, document.documentElement.scrollHeight]`))
	picture := ask(b, func(ctx context.Context, tab *chromedp.Target) ([]byte, error) {
		taken, err := cdp.Call(ctx, tab, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{
			Format: cdppage.CaptureScreenshotFormatPng, CaptureBeyondViewport: new(true),
			Clip: &cdppage.Viewport{Width: size[0], Height: size[1], Scale: 1},
		})
		return taken.Data, err
	})
	if err := os.WriteFile(filepath.Join(folder, file+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// outside names what sticks out of the page at its side, and what is too small to be
// tapped.
const outside = `[...document.querySelectorAll("body *")].flatMap(e => {
	if (e.closest(".visually-hidden, .skip, .scroll, .where, svg, thead") || !e.checkVisibility()) return []
	const box = e.getBoundingClientRect(), name = e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 30)
	if (box.right > document.documentElement.clientWidth + 1 || box.left < -1) return ["outside: " + name]
	const part = e.closest(".part, .card")
	if (part && box.right > part.getBoundingClientRect().right) return ["outside its part: " + name]
	if (e.matches("button, a.button, summary, select, input:not([type=hidden], [type=checkbox], [type=radio])") && box.height < 35.5) return ["small: " + name]
	return []
}).concat(document.documentElement.scrollWidth > document.documentElement.clientWidth ? ["the page scrolls sideways"] : [])`

func TestNothingSticksOutAtAnyWidth(t *testing.T) {
	b, s := chromium(t), serving(t)
	for _, width := range []int64{1280, 1120, 864, 390, 320} { // those in the middle are where the stylesheet changes its mind
		b.width(width)
		for kind, views := range kinds() {
			if kind != "typical" && kind != "hostile" && os.Getenv("USHER_SCREENSHOTS") == "" {
				continue // takes long, and finds what the others find
			}
			for name := range views {
				b.open(s.URL + "/" + kind + "/" + name)
				if found := ask(b, chromedp.Evaluate[[]string](outside)); len(found) > 0 {
					t.Errorf("%s/%s at %d: %q", kind, name, width, found)
				}
				if kind == "hostile" || kind == "quoted" || kind == "blank" && name != "customers" || width != 1280 && width != 390 {
					continue
				}
				for _, scheme := range []string{"light", "dark"} {
					b.scheme(scheme)
					b.shoot(kind + "-" + name + "-" + strconv.FormatInt(width, 10) + "-" + scheme)
				}
			}
		}
	}
}

// mustAxe returns the script that brings axe-core, and skips the test where it cannot be had.
func mustAxe(t *testing.T) string {
	t.Helper()
	script, err := npmtest.Axe()
	if lack := npmtest.Missing(""); errors.As(err, &lack) {
		t.Skip("!!! NO AXE, nothing tells whether everybody can use the dashboard: " + lack.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// runAxe asks for everything that WCAG 2.2 wants at levels A and AA and that is
// good practice.
const runAxe = `axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
	resultTypes: ["violations"], preload: false}).then(all => all.violations.flatMap(v => v.nodes.map(n =>
	v.id + " at " + n.target.join(" ") + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`

func TestAxeFindsNothing(t *testing.T) {
	script := mustAxe(t)
	b, s := chromium(t), serving(t)
	tell(b, cdppage.SetBypassCSP, cdppage.SetBypassCSPParams{Enabled: true}) // the page's policy forbids every script, axe too
	for _, width := range []int64{1280, 390} {
		b.width(width)
		for _, scheme := range []string{"light", "dark"} {
			if width == 1280 && scheme == "dark" && os.Getenv("USHER_SCREENSHOTS") == "" {
				continue // as at the other width
			}
			b.scheme(scheme)
			for kind, views := range map[string]map[string]View{"typical": typical.filled(), "sandbox": onTrial.filled()} {
				for name := range views {
					if kind == "sandbox" && !slices.Contains([]string{"sign-in", "overview", "customer"}, name) {
						continue
					}
					b.open(s.URL + "/" + kind + "/" + name)
					ask(b, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll('details').forEach(d => d.open = d.closest('.small-menu') ? %t : true), 0", width == 390)))
					ask(b, chromedp.Evaluate[bool](script, chromedp.EvalAwaitPromise))
					if found := ask(b, chromedp.Evaluate[[]string](runAxe, chromedp.EvalAwaitPromise)); len(found) > 0 {
						t.Errorf("%s/%s at %d, %s:\n%s", kind, name, width, scheme, strings.Join(found, "\n"))
					}
				}
			}
		}
	}
}
