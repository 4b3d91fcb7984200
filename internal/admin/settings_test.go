// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/secret"
)

func TestSettingsAreInForceAtOnceWhereNothingIsDeclared(t *testing.T) {
	w := newWorld(t)
	w.must(t, "settings.save", admintest.Free, nil, `{
		"name": "Freer", "offers": ["S200000001_NL"], "resetUrls": ["https://app.free.example"], "languages": ["de"],
		"tokenLife": "5m", "sessionIdle": "1h", "sessionAbsolute": "2d", "verifyEmail": true, "verifyWithin": "1d"}`)
	p, _ := w.Directory.ByID(admintest.Free)
	if p.Name != "Freer" || p.TokenLife != 5*time.Minute || p.Session.Idle != time.Hour || !p.VerifyEmail || p.VerifyWithin != 24*time.Hour || fmt.Sprint(p.Languages, p.ResetURLs) != "[de] [https://app.free.example]" {
		t.Errorf("%+v", p)
	}
	if owner, ok := w.Directory.ByOffer("S200000001_NL"); !ok || owner.ID != p.ID {
		t.Errorf("the offer is of %+v", owner)
	}
	v := get[admin.SettingsView](t, w, "settings.get", admintest.Free, nil, "")
	b, _ := json.Marshal(v)
	for _, want := range []string{`"tokenLife":"5m"`, `"sessionIdle":"1h"`, `"sessionAbsolute":"2d"`, `"verifyWithin":"1d"`, `"revision":1`, `"name":"Freer"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
}

func TestWhatIsDeclaredStaysSo(t *testing.T) {
	w := newWorld(t)
	w.must(t, "settings.save", admintest.Ours, nil, `{"sessionIdle": "1h", "sessionAbsolute": "2h", "tokenLife": "2m"}`)
	p, _ := w.Directory.ByID(admintest.Ours)
	if p.Session.Idle != 48*time.Hour || p.TokenLife != 2*time.Minute {
		t.Errorf("%+v, life %s", p.Session, p.TokenLife)
	}
	for _, name := range []string{"token.rotate", "token.revoke", "capture.save"} {
		if _, err := w.do(w.As(authstore.RoleOwner), name, admintest.Ours, nil, `{}`); !errors.Is(err, admin.ErrDeclared) {
			t.Errorf("%s: %v, want ErrDeclared", name, err)
		}
	}
}

func TestSettingsAreJudged(t *testing.T) {
	w := newWorld(t)
	for input, field := range map[string]string{
		`{"offers": ["x"]}`: "offers", `{"offers": ["S200000001_NL", "S200000001_NL"]}`: "offers", `{"offers": ["S100000001_US"]}`: "offers",
		`{"resetUrls": ["https://app.example/path"]}`: "resetUrls", `{"resetUrls": ["javascript:alert(1)"]}`: "resetUrls", `{"resetUrls": ["https://user@evil.example"]}`: "resetUrls",
		`{"languages": ["xx"]}`: "languages", `{"tokenLife": "2h"}`: "tokenLife", `{"tokenLife": "1s"}`: "tokenLife", `{"sessionIdle": "1m"}`: "sessionIdle",
		`{"sessionIdle": "9d", "sessionAbsolute": "2d"}`: "sessionIdle", `{"verifyWithin": "91d"}`: "verifyWithin", `{"tokenLife": "soon"}`: "tokenLife",
		`{"name": "` + strings.Repeat("x", 101) + `"}`: "name", `{"name": "News\r\nBcc: all@example.com"}`: "name", `{"tokenLife": 5}`: "tokenLife",
	} {
		var invalid *admin.InvalidError
		if _, err := w.do(w.As(authstore.RoleOwner), "settings.save", admintest.Free, nil, input); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v, want a fault of %q", input, err, field)
		}
	}
	if n := w.revision(t, admintest.Free); n != 0 {
		t.Errorf("revision %d", n)
	}
}

func TestTwoWhoChangeSettingsAtOnceLoseNothing(t *testing.T) {
	w := newWorld(t)
	w.must(t, "settings.save", admintest.Free, nil, `{"revision": 0, "name": "First"}`)
	if _, err := w.do(w.As(authstore.RoleOwner), "settings.save", admintest.Free, nil, `{"revision": 0, "name": "Second"}`); !errors.Is(err, admin.ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	if p, _ := w.Directory.ByID(admintest.Free); p.Name != "First" {
		t.Errorf("name %q", p.Name)
	}
}

func TestAPITokenIsShownOnceAndKeptAsADigest(t *testing.T) {
	w := newWorld(t)
	first := get[admin.NewToken](t, w, "token.rotate", admintest.Free, nil, `{"revision": 0}`).Token
	second := get[admin.NewToken](t, w, "token.rotate", admintest.Free, nil, `{"revision": 1}`).Token
	p, _ := w.Directory.ByID(admintest.Free)
	if first == second || !secret.Matches(p.TokenDigest, second) || secret.Matches(p.TokenDigest, first) {
		t.Errorf("digest %q", p.TokenDigest)
	}
	b, _ := json.Marshal([]any{w.must(t, "settings.get", admintest.Free, nil, ""), w.log(t, admintest.Free)})
	if strings.Contains(string(b), second) || strings.Contains(string(b), p.TokenDigest) {
		t.Error("the token or its digest is shown again")
	}
	w.must(t, "token.revoke", admintest.Free, nil, `{"revision": 2}`)
	if p, _ := w.Directory.ByID(admintest.Free); p.TokenDigest != "" {
		t.Error("the token lives on")
	}
}

func TestBrandIsJudged(t *testing.T) {
	w := newWorld(t)
	big := base64.StdEncoding.EncodeToString(make([]byte, authstore.MaxPicture+1))
	for _, tt := range [][3]string{
		{"brand.save", `{"color": "red"}`, "color"}, {"brand.save", `{"links": [{"name": "help", "url": "javascript:alert(1)"}]}`, "links.0.url"},
		{"brand.save", `{"links": [{"name": "", "url": "https://example.com/"}]}`, "links.0.name"},
		{"brand.picture", `{"kind": "banner"}`, "kind"}, {"brand.picture", `{"kind": "logo", "picture": "%"}`, "picture"},
		{"brand.picture", `{"kind": "logo", "picture": "PHNjcmlwdD4="}`, "picture"}, {"brand.picture", `{"kind": "logo", "picture": "` + big + `"}`, "picture"},
	} {
		var invalid *admin.InvalidError
		if _, err := w.do(w.As(authstore.RoleEditor), tt[0], admintest.Free, nil, tt[1]); !errors.As(err, &invalid) || invalid.Field != tt[2] {
			t.Errorf("%s %.60s: %v, want a fault of %s", tt[0], tt[1], err, tt[2])
		}
	}
	w.must(t, "brand.save", admintest.Free, nil, `{"color": "0a5bd3", "links": [{"name": "help", "url": "https://example.com/help"}, {"name": "", "url": ""}]}`)
	w.must(t, "brand.picture", admintest.Free, nil, `{"revision": 1, "kind": "logo", "picture": "cGljdHVyZQ=="}`)
	v := get[admin.SettingsView](t, w, "settings.get", admintest.Free, nil, "").Brand
	if v.Color != "0a5bd3" || len(v.Links) != 1 || v.Logo == "" || v.Favicon != "" {
		t.Errorf("%+v", v)
	}
}

func TestPicturesThatAreNotUsedAreNotKept(t *testing.T) {
	w := newWorld(t)
	logo := func(revision int, picture string) error {
		_, err := w.do(w.As(authstore.RoleEditor), "brand.picture", admintest.Free, nil, fmt.Sprintf(`{"revision": %d, "kind": "logo", "picture": %q}`, revision, picture))
		return err
	}
	id, err := w.Store.PutPicture(context.Background(), admintest.Other, []byte("picture")) // the id that it has everywhere
	if err != nil {
		t.Fatal(err)
	}
	kept := func() bool {
		_, err := w.Store.Picture(context.Background(), admintest.Free, id)
		return err == nil
	}
	if err := logo(7, "cGljdHVyZQ=="); !errors.Is(err, admin.ErrChanged) || kept() || len(w.log(t, admintest.Free)) != 1 {
		t.Errorf("refused: %v, kept %t, %d entries", err, kept(), len(w.log(t, admintest.Free)))
	}
	if err := logo(0, "cGljdHVyZQ=="); err != nil || !kept() {
		t.Errorf("set: %v, kept %t", err, kept())
	}
	if err := logo(1, ""); err != nil || kept() {
		t.Errorf("taken away: %v, kept %t", err, kept())
	}
}

func TestQuestionsAreInTheOrderGiven(t *testing.T) {
	w := newWorld(t)
	act := admin.ActNamed("capture.save")
	input, err := act.FromForm(url.Values{
		"revision": {"0"}, "enabled": {"on"}, "fields.0.key": {"birthDate"}, "fields.0.position": {"2"}, "fields.0.required": {"on"},
		"fields.1.key": {""}, "fields.1.position": {"9"}, "fields.2.key": {"custom_1"}, "fields.2.position": {"1"},
		"fields.2.question": {"Team?"}, "fields.2.choices": {"Ajax\r\n\r\n PSV "},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.must(t, "capture.save", admintest.Free, nil, string(input))
	p, _ := w.Directory.ByID(admintest.Free)
	if got := fmt.Sprintf("%+v", p.Capture); got != "{Enabled:true Fields:[{Key:custom_1 Required:false Question:Team? Choices:[Ajax PSV]} {Key:birthDate Required:true Question: Choices:[]}] Enforced:false}" {
		t.Error(got)
	}
	for input, field := range map[string]string{
		`{"enabled": true}`: "fields", `{"fields": [{"key": "shoeSize"}]}`: "fields.0.key", `{"fields": [{"key": "email"}, {"key": "email"}]}`: "fields.0.key",
		`{"fields": [{"key": "custom_1"}]}`: "fields.0.key", `{"fields": [{"key": "custom_1", "question": "` + strings.Repeat("x", 301) + `"}]}`: "fields.0.question",
	} {
		var invalid *admin.InvalidError
		if _, err := w.do(w.As(authstore.RoleEditor), "capture.save", admintest.Free, nil, input); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%.60s: %v, want a fault of %s", input, err, field)
		}
	}
}

func TestFormsAreReadStrictly(t *testing.T) {
	act := admin.ActNamed("capture.save")
	for _, form := range []url.Values{
		{"x": {"1"}}, {"revision": {"1", "2"}}, {"revision": {"x"}}, {"enabled": {"maybe"}}, {"fields.x.key": {"email"}}, {"fields.100.key": {"email"}},
		{"fields.-1.key": {"email"}}, {"fields.01.key": {"email"}}, {"fields.0.isAdmin": {"on"}}, {"fields.0.key.x": {"1"}}, {"Enabled": {"on"}},
		{"fields": {"x"}, "fields.0.key": {"email"}},
	} {
		var invalid *admin.InvalidError
		if _, err := act.FromForm(form); !errors.As(err, &invalid) {
			t.Errorf("%v: %v, want an InvalidError", form, err)
		}
	}
}

func TestExportedAnswersAreNoFormulas(t *testing.T) {
	w := newWorld(t)
	hostile := []string{"=1+1", "+1", "-1", "@x", "\tx", "＝x", "plain", `a "quoted", one`, "a;=1+1", "a; \"@x", "a\n-1"}
	for i, answer := range hostile {
		c := w.Customer(t, admintest.Ours, fmt.Sprintf("a%d@example.com", i))
		err := w.Store.ChangeCapture(context.Background(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
			a.Values["companyName"], a.Values["custom_1"] = answer, "Ajax"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Customer(t, admintest.Ours, "silent@example.com")
	var out strings.Builder
	if err := get[admin.Download](t, w, "capture.export", admintest.Ours, nil, "").Write(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(rows) != len(hostile)+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if got := strings.Join(rows[0], " "); got != "customerId submitted firstName lastName birthDate custom_1 companyName" {
		t.Errorf("columns %s", got)
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[row[6]] = true
	}
	for _, answer := range hostile {
		want := strings.NewReplacer("a;=", "a;'=", "a; \"@", "a; \"'@", "a\n-", "a\n'-").Replace(answer)
		if answer != "plain" && !strings.HasPrefix(answer, "a") {
			want = "'" + answer
		}
		if !seen[want] {
			t.Errorf("%q is not there", want)
		}
	}
}

func TestSandboxIsCopiedAsItWasSeen(t *testing.T) {
	w := newWorld(t)
	w.must(t, "settings.save", admintest.Sandbox, nil, `{"name": "Not copied", "tokenLife": "5m", "languages": ["de"]}`)
	w.must(t, "consent.save", admintest.Sandbox, nil, draft)
	w.must(t, "consent.publish", admintest.Sandbox, params{"name": "terms", "version": "1"}, "{}")
	diff := get[admin.SandboxDiff](t, w, "sandbox.diff", admintest.Sandbox, nil, `{"to": "100000004"}`)
	var changes []string
	for _, c := range diff.Changes {
		changes = append(changes, c.Setting)
	}
	if got := strings.Join(changes, ", "); got != "Languages, Life of access tokens, Consent terms" {
		t.Errorf("changes %s", got)
	}
	input := fmt.Sprintf(`{"to": "100000004", "from": %d, "revision": %d}`, diff.From, diff.Revision)
	for _, stale := range []string{`{"to": "100000004", "from": 0, "revision": 0}`, fmt.Sprintf(`{"to": "100000004", "from": %d, "revision": 7}`, diff.From)} {
		if _, err := w.do(w.As(authstore.RoleOwner), "sandbox.copy", admintest.Sandbox, nil, stale); !errors.Is(err, admin.ErrChanged) {
			t.Errorf("%s: %v, want ErrChanged", stale, err)
		}
	}
	w.must(t, "sandbox.copy", admintest.Sandbox, nil, input)
	p, _ := w.Directory.ByID(admintest.Free)
	if p.Name != "Free" || p.TokenLife != 5*time.Minute || len(p.Consents) > 0 || w.states(t, "terms") != "1 draft" {
		t.Errorf("%+v, %s", p, w.states(t, "terms"))
	}
	if e := w.log(t, admintest.Free)[0]; e.Act != "sandbox.copy" || e.Detail["from"] != "100000003" {
		t.Errorf("the other publisher's log has %+v", e)
	}
}

func TestSandboxIsCopiedByWhoOwnsBothOnly(t *testing.T) {
	w := newWorld(t)
	a := w.As(authstore.RoleOwner)
	a.Staff.Roles[admintest.Free] = authstore.RoleEditor
	for _, to := range []string{"100000004", "100000002", "100000009", "", "x"} {
		for _, name := range []string{"sandbox.diff", "sandbox.copy"} {
			if _, err := w.do(a, name, admintest.Sandbox, nil, `{"to": "`+to+`"}`); !errors.Is(err, admin.ErrForbidden) {
				t.Errorf("%s to %q: %v, want ErrForbidden", name, to, err)
			}
		}
	}
	var invalid *admin.InvalidError
	for name, input := range map[string]string{"sandbox.diff": `{"to": "100000001"}`, "sandbox.reset": `{"confirm": "100000001"}`} {
		if _, err := w.do(w.As(authstore.RoleOwner), name, admintest.Ours, nil, input); !errors.As(err, &invalid) {
			t.Errorf("%s of what is no sandbox: %v", name, err)
		}
	}
}

func TestResettingASandboxLeavesOthersAlone(t *testing.T) {
	w := newWorld(t)
	var sessions []string
	for i := range 3 {
		c := w.Customer(t, admintest.Sandbox, fmt.Sprintf("a%d@example.com", i))
		sessions = append(sessions, w.Session(t, c).ID)
	}
	kept := w.Session(t, w.Customer(t, admintest.Ours, "a0@example.com"))
	var invalid *admin.InvalidError
	if _, err := w.do(w.As(authstore.RoleOwner), "sandbox.reset", admintest.Sandbox, nil, `{"confirm": "100000001"}`); !errors.As(err, &invalid) {
		t.Errorf("without its id: %v", err)
	}
	w.must(t, "sandbox.reset", admintest.Sandbox, nil, `{"confirm": "100000003"}`)
	if list := get[admin.CustomerList](t, w, "customer.list", admintest.Sandbox, nil, ""); len(list.Customers) > 0 {
		t.Errorf("%+v", list)
	}
	for _, id := range sessions {
		if !w.Sessions.Ended(id) {
			t.Error("a session lives on")
		}
	}
	if w.Sessions.Ended(kept.ID) || len(get[admin.CustomerList](t, w, "customer.list", admintest.Ours, nil, "").Customers) != 1 {
		t.Error("another publisher's customer is gone")
	}
}

func TestDifferenceIsReadByPeople(t *testing.T) {
	w := newWorld(t)
	w.must(t, "capture.save", admintest.Sandbox, nil, `{"enabled": true, "enforced": true, "fields": [{"key": "birthDate", "required": true}, {"key": "custom_1", "question": "Team?", "choices": ["Ajax", "PSV"]}]}`)
	w.must(t, "brand.save", admintest.Sandbox, nil, `{"revision": 1, "links": [{"name": "help", "url": "https://help.example/"}]}`)
	w.must(t, "settings.save", admintest.Sandbox, nil, `{"revision": 2, "languages": ["de", "en"], "verifyEmail": true, "verifyWithin": "2d"}`)
	diff := get[admin.SandboxDiff](t, w, "sandbox.diff", admintest.Sandbox, nil, `{"to": "100000004"}`)
	got := map[string]string{}
	for _, c := range diff.Changes {
		got[c.Setting] = c.After
	}
	for setting, want := range map[string]string{
		"Profile questions": "switched on, insisted on\nbirthDate, required\ncustom_1: Team? (Ajax; PSV)", "Languages": "de, en",
		"Links at the foot of pages": "help: https://help.example/", "Verified e-mail addresses": "demanded within 2d",
	} {
		if got[setting] != want {
			t.Errorf("%s reads %q, want %q", setting, got[setting], want)
		}
	}
}

func TestSandboxThatBecameProductionIsNotWiped(t *testing.T) {
	w := newWorld(t)
	w.Customer(t, admintest.Sandbox, "ann@example.com")
	now := admintest.Declared()
	for i := range now {
		now[i].Sandbox = false
	}
	if err := w.Store.DeclarePublishers(context.Background(), now); err != nil { // as another configuration does
		t.Fatal(err)
	}
	var invalid *admin.InvalidError
	if _, err := w.do(w.As(authstore.RoleOwner), "sandbox.reset", admintest.Sandbox, nil, `{"confirm": "100000003"}`); !errors.As(err, &invalid) {
		t.Errorf("%v, want an InvalidError", err)
	}
	if list := get[admin.CustomerList](t, w, "customer.list", admintest.Sandbox, nil, ""); len(list.Customers) != 1 {
		t.Errorf("%+v", list)
	}
}

func TestSavingWhatIsInForceSetsNothing(t *testing.T) {
	w := newWorld(t)
	b, err := json.Marshal(w.must(t, "settings.get", admintest.Free, nil, ""))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ TokenLife, SessionIdle, SessionAbsolute, VerifyWithin string }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	w.must(t, "settings.save", admintest.Free, nil, fmt.Sprintf(`{"tokenLife": %q, "sessionIdle": %q, "sessionAbsolute": %q, "verifyWithin": %q}`, v.TokenLife, v.SessionIdle, v.SessionAbsolute, v.VerifyWithin))
	set, err := w.Store.Settings(context.Background(), admintest.Free)
	if err != nil || set.TokenLife != 0 || set.Session != (authstore.SessionLimits{}) || set.VerifyEmail != nil {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestAnswersToQuestionsOfOldAreShown(t *testing.T) {
	w := newWorld(t)
	c := w.Customer(t, admintest.Ours, "ann@example.com")
	err := w.Store.ChangeCapture(context.Background(), c.ID, func(_ *authstore.Customer, a *authstore.CaptureAnswers) error {
		a.Values["custom_1"], a.Values["phoneNumber"] = "Ajax", "020"
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	d := get[admin.CustomerDetail](t, w, "customer.get", admintest.Ours, params{"customerId": admintest.ID(c.ID)}, "")
	if got := fmt.Sprint(d.Answers); got != "[{firstName  Ann} {lastName  Smith} {custom_1 Team? Ajax} {phoneNumber  020}]" {
		t.Error(got)
	}
}
