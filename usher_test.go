// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package usher_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"

	_ "github.com/usher-sso/usher" // registers the modules
)

const module = "github.com/usher-sso/usher"

// pkg is a package as `go list` describes it.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string // those of tests are not among them
}

// short returns the package's path within the module; the root is ".".
func (p pkg) short() string { return short(p.ImportPath) }

func short(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

// packages lists the packages of the module.
var packages = sync.OnceValues(func() ([]pkg, error) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports", "./...").Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, errors.New(string(failed.Stderr))
	}
	if err != nil {
		return nil, err
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func mustPackages(t *testing.T) []pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// layer is how high a package stands. A package imports only what stands lower,
// or beside it where that is allowed.
type layer int

const (
	leaf    layer = iota // vocabulary; imports nothing of ours
	storage              // the records and the plugin contract; the standard library alone
	backend              // plugins
	feature              // the domain, one folder a feature; features may use each other
	journey              // what a visitor goes through, made of features; may use each other
	surface              // pages and the REST API; they do not know each other
	adapter              // the only one that knows Caddy
	root                 // blank imports
	command              // binaries
)

// layers names the packages that are no features.
var layers = map[string]layer{
	"internal/secret": leaf, "internal/locale": leaf, "internal/i18n": leaf, "examples/native-app": leaf,
	"authstore": storage, "authstore/bolt": backend, "authstore/postgres": backend, "authstore/etcd": backend,
	"internal/gate": journey, "internal/sso": journey,
	"internal/admin": journey,
	"pages":          surface, "pages/admin": surface, "internal/mediastore": surface, "internal/adminapi": surface,
	"caddymodule": adapter, ".": root, "cmd/usher": command, "internal/bench": command, "internal/generate": command,
}

// makesStores names the commands that make stores: to measure, or to try things
// out with many customers.
var makesStores = map[string]bool{"internal/bench": true, "internal/generate": true}

func layerOf(t *testing.T, path string) layer {
	t.Helper()
	if l, ok := layers[path]; ok {
		return l
	}
	if !strings.HasPrefix(path, "internal/") {
		t.Errorf("%s has no place in the layout; see CONTRIBUTING.md before adding a folder", path)
	}
	return feature
}

// forTests tells whether a package only helps tests, as its name says.
func forTests(path string) bool { return strings.HasSuffix(path, "test") }

func own(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range mustPackages(t) {
		if forTests(p.ImportPath) {
			continue
		}
		importer := layerOf(t, p.short())
		for _, path := range p.Imports {
			if !own(path) {
				continue
			}
			imported := layerOf(t, short(path))
			beside := importer == imported && (importer == feature || importer == journey)
			switch {
			case forTests(path):
				t.Errorf("%s imports %s, which is for tests", p.short(), short(path))
			case imported >= importer && !beside:
				t.Errorf("%s imports %s, which does not stand below it", p.short(), short(path))
			case importer == root && imported != adapter:
				t.Errorf("the root imports %s; it only makes the modules known", short(path))
			case imported == backend && importer != adapter && !makesStores[p.short()]:
				t.Errorf("%s imports %s; only caddymodule chooses a backend", p.short(), short(path))
			}
		}
	}
}

// importers says who may import a dependency, and why it is there at all. A
// dependency has one importer, so that it can be replaced in one place.
var importers = []struct {
	dependency string // an import path, or the beginning of one that ends in a slash
	by         []string
	reason     string
}{
	{"github.com/caddyserver/caddy/v2/", []string{"caddymodule", "cmd/usher"}, "usher is a Caddy module; the binary is Caddy"},
	{"go.uber.org/zap/", []string{"caddymodule"}, "Caddy's logger; domain packages return errors"},
	{"go.etcd.io/bbolt/", []string{"authstore/bolt"}, "the default store: one file, transactions, no server"},
	{"github.com/golang-jwt/jwt/v5/", []string{"internal/token"}, "signatures of access tokens"},
	{"github.com/wneessen/go-mail/", []string{"internal/mail"}, "messages and SMTP"},
	{"github.com/phuslu/iploc/", []string{"internal/locale"}, "countries of addresses, compiled in"},
	{"github.com/oschwald/maxminddb-golang/v2/", []string{"internal/locale"}, "countries of addresses, from the operator's file"},
	{"github.com/markbates/goth/", []string{"internal/social"}, "sign-in with other providers; never gothic, which keeps state in a package"},
	{"github.com/coreos/go-oidc/v3/oidc", []string{"internal/social"}, "discovery, and the verification of ID tokens, which goth does not check"},
	{"golang.org/x/oauth2", []string{"internal/social"}, "PKCE, and the errors of token endpoints, which goth's providers have from there"},
	{"golang.org/x/crypto/argon2", []string{"internal/customer"}, "password hashing that is not in the standard library"},
	{"github.com/ccojocar/zxcvbn-go/", []string{"internal/customer"}, "how soon a password is guessed"},
	{"github.com/pquerna/otp/", []string{"internal/staff"}, "codes of the second factor"},
	{"golang.org/x/net/idna", []string{"internal/customer", "internal/publisher"}, "international domains of addresses and of sites"},
	{"github.com/nicksnyder/go-i18n/v2/", []string{"internal/i18n"}, "messages in the viewers' languages, with their plural forms"},
	{"github.com/go-playground/locales/", []string{"internal/i18n"}, "dates as the viewers' languages write them"},
	{"golang.org/x/text/language", []string{"internal/locale", "internal/i18n"}, "Accept-Language and the regions that languages imply"},
	{"golang.org/x/text/language/display", []string{"internal/i18n"}, "the languages' own names"},
	{"golang.org/x/text/collate", []string{"internal/i18n"}, "the order of countries in a list"},
	{"golang.org/x/text/currency", []string{"internal/locale"}, "currencies of countries"},
	{"golang.org/x/sync/singleflight", []string{"internal/gate"}, "one renewal for parallel requests"},
}

// mayImport tells whether the table has a reason for the import.
func mayImport(importer, path string) bool {
	for _, row := range importers {
		fits := row.dependency == path || strings.HasSuffix(row.dependency, "/") && strings.HasPrefix(path+"/", row.dependency)
		if fits && slices.Contains(row.by, importer) {
			return true
		}
	}
	return false
}

// thirdParty tells whether an import is neither ours nor the standard library.
func thirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !own(path) && strings.Contains(first, ".")
}

func TestEveryDependencyHasOneImporterAndAReason(t *testing.T) {
	for _, p := range mustPackages(t) {
		if forTests(p.ImportPath) {
			continue
		}
		for _, path := range p.Imports {
			if thirdParty(path) && !mayImport(p.short(), path) {
				t.Errorf("%s imports %s without a reason; use what is there, or give one in usher_test.go", p.short(), path)
			}
		}
	}
	for _, row := range importers {
		if row.reason == "" || len(row.by) == 0 {
			t.Errorf("%s has no reason or no importer", row.dependency)
		}
	}
}

func TestStoreContractNeedsTheStandardLibraryAlone(t *testing.T) {
	for _, p := range mustPackages(t) {
		for _, path := range p.Imports {
			if p.short() == "authstore" && (thirdParty(path) || own(path)) {
				t.Errorf("authstore imports %s", path)
			}
		}
	}
}

// sharedByGoth is what goth keeps for the whole process: providers by name, and sign-ins
// under way. Publishers would mix there.
var sharedByGoth = regexp.MustCompile(`markbates/goth/gothic|\bgoth\.(UseProviders|GetProviders?|ClearProviders)\b`)

func TestNothingIsSharedThroughGoth(t *testing.T) {
	users := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || path == "usher_test.go" {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(`"github.com/markbates/goth`)) {
			users++
		}
		if found := sharedByGoth.Find(content); found != nil {
			t.Errorf("%s uses %s", path, found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if users == 0 {
		t.Error("no file uses goth; the test looks in the wrong place")
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	for _, p := range mustPackages(t) {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command " + p.ImportPath[strings.LastIndex(p.ImportPath, "/")+1:] + " "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("the comment of %s is %q, want one that begins with %q", p.short(), p.Doc, want)
		}
	}
}

const licence = "// SPDX-FileCopyrightText: The usher authors\n// SPDX-License-Identifier: Apache-2.0\n\n"

func TestEveryFileNamesItsLicence(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "bin" || d.Name() == "data" || d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		content, err := os.ReadFile(path)
		if err == nil && !strings.HasPrefix(string(content), licence) {
			t.Errorf("%s does not begin with the two lines of its licence", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// manifest is xcaddy.json: what a builder needs to know.
type manifest struct {
	Module  string   `json:"module"`
	Go      string   `json:"go"`
	Caddy   string   `json:"caddy"`
	Command string   `json:"command"`
	Modules []string `json:"modules"`
}

func mustManifest(t *testing.T) manifest {
	t.Helper()
	content, err := os.ReadFile("xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestIsThatOfGoMod(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Module  struct{ Path string }
		Go      string
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	want := manifest{Module: mod.Module.Path, Go: mod.Go}
	for _, r := range mod.Require {
		if r.Path == "github.com/caddyserver/caddy/v2" {
			want.Caddy = r.Version
		}
	}
	want.Command = "xcaddy build " + want.Caddy + " --with " + want.Module
	got := mustManifest(t)
	want.Modules = got.Modules
	if !reflect.DeepEqual(got, want) {
		t.Errorf("xcaddy.json says %+v, go.mod %+v", got, want)
	}
}

func TestManifestListsTheModulesThatAreRegistered(t *testing.T) {
	var registered []string
	for _, id := range caddy.Modules() {
		info, err := caddy.GetModule(id)
		if err != nil {
			t.Fatal(err)
		}
		made := reflect.TypeOf(info.New())
		if made.Kind() == reflect.Pointer {
			made = made.Elem()
		}
		if own(made.PkgPath()) {
			registered = append(registered, id)
		}
	}
	slices.Sort(registered)
	if got := mustManifest(t).Modules; !slices.Equal(got, registered) {
		t.Errorf("xcaddy.json lists %v, registered are %v", got, registered)
	}
}

// The documentation builds usher by the manifest's command, with or without
// the version of Caddy.
func TestDocumentedBuildIsTheManifests(t *testing.T) {
	m := mustManifest(t)
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "usher.go") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if _, after, ok := strings.Cut(line, "xcaddy build "); ok {
				arguments := strings.Fields(strings.Trim(after, "` \n"))
				arguments = slices.DeleteFunc(arguments, func(s string) bool { return s == m.Caddy })
				if len(arguments) < 2 || arguments[0] != "--with" || !strings.HasPrefix(arguments[1], m.Module) {
					t.Errorf("%s: %s, want %s", file, strings.TrimSpace(line), m.Command)
				}
			}
		}
	}
}
