// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Command bench measures what usher costs: stock Caddy and usher's own binary as
// bare reverse proxies, and usher's gate, each in a process of its own before the
// same app, in rounds in which each has its turn. On shared machines all figures
// move, so the ratios within a round are what to quote.
//
// It owns the load, the app, the tokens that the load presents, and the tables; it
// changes nothing outside a temporary folder. It needs Linux, for /proc.
//
//	go run ./internal/bench -only gate,flood -rounds 20 -out bench.md
package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The hidden subcommands, by which the program starts itself.
const (
	appCommand  = "app"
	loadCommand = "load"
)

// What a run may take at most, so that nobody's machine is kept busy for ever.
const (
	maxSeconds = 30
	maxRounds  = 40
)

// bench is one run of the program.
type bench struct {
	self, stock, usher string // binaries
	dir                string // temporary
	versions           string
	out                io.Writer

	only     []string
	rounds   int
	seconds  float64
	conns    int
	rate     float64 // of good traffic beside a flood
	flooding float64 // requests of the flood, a second
	quiet    float64 // %, see sample.noise
	pin      bool
	tokens   int // how many viewers there are where there are many
	live     int // and where it is about memory
}

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == appCommand:
		err = serveApp()
	case len(os.Args) == 2 && os.Args[1] == loadCommand:
		err = generate()
	default:
		err = measureAll()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func flags() (b *bench, out string, err error) {
	b = &bench{out: os.Stdout, tokens: 10_000, live: 1_000_000}
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	only := flag.String("only", strings.Join(names, ","), "scenarios to measure")
	flag.IntVar(&b.rounds, "rounds", 10, fmt.Sprintf("rounds of each scenario, at most %d", maxRounds))
	flag.Float64Var(&b.seconds, "seconds", 2, fmt.Sprintf("length of a slice, at most %d", maxSeconds))
	flag.IntVar(&b.conns, "conns", 64, "connections in the closed loop")
	flag.Float64Var(&b.rate, "rate", 1500, "flood: good requests a second")
	flag.Float64Var(&b.flooding, "flooding", 2000, "flood: forged tokens a second")
	flag.Float64Var(&b.quiet, "quiet", 5, "percent of the machine that others may have in a slice before it is taken again, twice at most")
	flag.BoolVar(&b.pin, "pin", false, "proxy alone on core 0 with GOMAXPROCS=1, load and app on core 1: ratios of capacity per core (needs taskset)")
	quick := flag.Bool("quick", false, "one short round of each scenario with fewer tokens, to see that all works")
	flag.StringVar(&out, "out", "", "file that gets the tables as well")
	flag.Parse()
	if *quick {
		b.rounds, b.seconds, b.tokens, b.live, b.quiet = 1, 1, 1000, 10_000, 100
	}
	b.only = strings.Split(*only, ",")
	for _, name := range b.only {
		if !slices.Contains(names, name) {
			return nil, "", fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
		}
	}
	if flag.NArg() > 0 || b.rounds < 1 || b.rounds > maxRounds || b.seconds <= 0 || b.seconds > maxSeconds || b.conns < 1 || b.rate <= 0 || b.flooding <= 0 {
		return nil, "", fmt.Errorf("1 to %d rounds of at most %d s, and no words beside the flags; see -help", maxRounds, maxSeconds)
	}
	if b.pin && runtime.NumCPU() < 2 {
		return nil, "", errors.New("-pin needs two cores")
	}
	return b, out, nil
}

// measureAll builds the binaries and measures what the flags ask for. A scenario
// that fails does not keep the others from being measured.
func measureAll() error {
	b, path, err := flags()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if path != "" {
		file, err := os.Create(path)
		if err != nil {
			return fmt.Errorf("opening the file for the tables: %w", err)
		}
		defer file.Close()
		b.out = io.MultiWriter(os.Stdout, file)
	}
	if b.dir, err = os.MkdirTemp("", "usher-bench-"); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(ctx); err != nil {
		return cmp.Or(interrupted(ctx), err)
	}
	fmt.Fprint(b.out, b.describe())
	var failed []error
	for _, sc := range scenarios {
		if !slices.Contains(b.only, sc.name) {
			continue
		}
		if err := b.run(ctx, sc.name, sc.run); err != nil {
			if ctx.Err() != nil {
				return interrupted(ctx)
			}
			err = fmt.Errorf("scenario %s: %w", sc.name, err)
			fmt.Fprintln(os.Stderr, "bench:", err)
			fmt.Fprintf(b.out, "\n## %s\n\nFAILED: %v\n", sc.name, err)
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// interrupted returns the error of a run that was stopped, which explains others.
func interrupted(ctx context.Context) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return nil
}

// run measures one scenario with processes of its own.
func (b *bench) run(ctx context.Context, name string, measure func(*stage) error) error {
	s, err := b.newStage(ctx, name)
	defer s.close()
	if err != nil {
		return err
	}
	return measure(s)
}

// describe returns the machine and the programs, as Markdown.
func (b *bench) describe() string {
	mode := "proxy, app and load share them"
	if b.pin {
		mode = "proxy alone on core 0 with GOMAXPROCS=1, app and load on core 1"
	}
	return fmt.Sprintf(`- %s, %d cores; %s
- %s, %s
- %s
- rounds: %d of %v s, on %d connections; a sample was taken again when others had more than %v %% of the machine
- figures are medians [quartiles] over rounds; ratios are taken within each round
`, cpuModel(), runtime.NumCPU(), mode, runtime.Version(), b.versions, time.Now().UTC().Format("2006-01-02 15:04 MST"), b.rounds, b.seconds, b.conns, b.quiet)
}

// build compiles stock Caddy, of the version that usher has, and usher.
func (b *bench) build(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	module, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("asking go for the module: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(module)))
	compile := func(name, pkg string) (string, error) {
		binary := filepath.Join(b.dir, name)
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-o", binary, pkg)
		cmd.Dir = root
		if said, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w\n%s", pkg, err, said)
		}
		return binary, nil
	}
	if b.stock, err = compile("caddy", "github.com/caddyserver/caddy/v2/cmd/caddy"); err != nil {
		return err
	}
	if b.usher, err = compile("usher", "./cmd/usher"); err != nil {
		return err
	}
	b.versions, err = versions(b.stock, b.usher)
	return err
}

// versions tells what was built.
func versions(stock, usher string) (string, error) {
	caddy, err := buildinfo.ReadFile(stock)
	if err != nil {
		return "", fmt.Errorf("reading the version of Caddy: %w", err)
	}
	own, err := buildinfo.ReadFile(usher)
	if err != nil {
		return "", fmt.Errorf("reading the version of usher: %w", err)
	}
	revision, changed := "unknown", ""
	for _, s := range own.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return fmt.Sprintf("Caddy %s, usher at revision %s%s", caddy.Main.Version, revision, changed), nil
}
