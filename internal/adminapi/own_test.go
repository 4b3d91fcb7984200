// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/staff"
)

const (
	bossAddress = "boss@example.com"
	newPassword = "seven herons hold 4 keys"
)

// stranger is what a browser without a session sends from a page of the hub's.
var stranger = []string{"Sec-Fetch-Site", "same-origin"}

// half signs the boss in as far as the password goes.
func (s *server) half() []string {
	s.t.Helper()
	e, err := s.Staff.SignIn(context.Background(), bossAddress, admintest.Password, staff.Device{IP: "192.0.2.9"})
	if err != nil || e.Session.Complete {
		s.t.Fatalf("%+v, %v", e.Session, err)
	}
	return cookie(e.Proof)
}

// fresh returns a code of the boss's that was not used.
func (s *server) fresh() string {
	s.Clock.Add(30 * time.Second)
	return s.Code(s.t, bossAddress)
}

// next returns what the browser sends after an answer, or nil.
func (a answer) next(t *testing.T) []string {
	t.Helper()
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "__Host-usher-staff" {
			continue
		}
		if !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie is %s", line)
		}
		return cookie(c.Value)
	}
	return nil
}

// take reads what an answer gives.
func take[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(a.Data, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// logged returns the acts in the log of a publisher, the newest first; failed ones end
// in "!".
func (s *server) logged(publisher int64) (list []string) {
	s.t.Helper()
	page, err := s.Store.AuditLog(context.Background(), authstore.AuditQuery{Publisher: publisher, Limit: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range page.Entries {
		if e.Error != "" {
			e.Act += "!"
		}
		list = append(list, e.Act)
	}
	return list
}

// ownExample is a request that does something with the boss's account. Its function
// makes the body; whole is the boss's session.
type ownExample struct {
	body   func(s *server, whole []string) string
	logged string // the entry that it leaves
	renews bool   // the browser gets another proof
}

func says(body string) func(*server, []string) string {
	return func(*server, []string) string { return body }
}

// ownExamples are those of all acts, by name.
var ownExamples = map[string]ownExample{
	admin.OwnSignIn:   {body: says(`{"email": "boss@example.com", "password": "` + admintest.Password + `"}`), renews: true},
	admin.OwnComplete: {body: func(s *server, _ []string) string { return `{"code": "` + s.fresh() + `"}` }, logged: admin.OwnSignIn, renews: true},
	admin.OwnJoin: {body: func(s *server, _ []string) string {
		return `{"token": "` + s.invites("new@example.com", authstore.RoleSupport) + `", "password": "` + newPassword + `"}`
	}, logged: admin.OwnSignIn, renews: true},
	admin.OwnSignOut: {logged: admin.OwnSignOut},
	admin.OwnConfirm: {body: func(s *server, _ []string) string {
		return `{"password": "` + admintest.Password + `", "code": "` + s.fresh() + `"}`
	}, renews: true},
	admin.OwnNewFactor: {},
	admin.OwnSecondFactor: {body: func(s *server, whole []string) string {
		begun := take[admin.NewSecondFactor](s.t, s.want(200, "", "GET second-factor/new", "", whole...))
		return `{"sealed": "` + begun.Sealed + `", "code": "` + s.codeOf(begun.Secret) + `"}`
	}, logged: admin.OwnSecondFactor, renews: true},
	admin.OwnAccount:    {},
	admin.OwnPassword:   {body: says(`{"current": "` + admintest.Password + `", "password": "` + newPassword + `"}`), logged: admin.OwnPassword, renews: true},
	admin.OwnEndSession: {body: says(`{"session": "x"}`), logged: admin.OwnEndSession},
	admin.OwnEndOthers:  {logged: admin.OwnEndOthers},
}

// invites returns the secret of an invitation to our publisher of which little is
// declared.
func (s *server) invites(address string, role authstore.Role) string {
	s.t.Helper()
	made, err := s.Staff.Invite(context.Background(), authstore.ByCommandLine, address, "", map[int64]authstore.Role{admintest.Free: role})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.Secret
}

// codeOf returns the code that an app shows now.
func (s *server) codeOf(key string) string {
	s.t.Helper()
	code, err := totp.GenerateCode(key, s.Clock.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return code
}

// sender returns who does an act that starts from a stage.
func (s *server) sender(from admin.Stage, whole []string) []string {
	if from == admin.Halfway {
		return s.half()
	}
	return whole
}

func TestMembersDoEverythingWithTheirOwnAccounts(t *testing.T) {
	for _, act := range admin.OwnActs() {
		x, ok := ownExamples[act.Name]
		if !ok {
			t.Errorf("%s has no example here; add one", act.Name)
			continue
		}
		t.Run(act.Name, func(t *testing.T) {
			s := serve(t)
			whole := s.boss()
			body := ""
			if x.body != nil {
				body = x.body(s, whole)
			}
			sender := s.sender(act.From, whole)
			before := s.log(admintest.Free)
			s.Clock.Add(time.Second)
			a := s.want(200, "", act.Method+" "+act.Path, body, sender...)
			checkOutput(t, &act.Act, a)
			for _, publisher := range []int64{admintest.Ours, admintest.Sandbox, admintest.Free} {
				if got := s.logged(publisher); x.logged != "" && act.Name != admin.OwnJoin && (len(got) == 0 || got[0] != x.logged) {
					t.Errorf("the log of %d has %v", publisher, got)
				}
			}
			if got := s.log(admintest.Free); x.logged == "" && got != before {
				t.Errorf("%d entries more", got-before)
			}
			next := a.next(t)
			if renewed := next != nil && next[1] != cookie("")[1]; renewed != x.renews {
				t.Errorf("the browser gets %q", a.header.Values("Set-Cookie"))
			}
			if x.renews && slices.Equal(next, sender) {
				t.Error("the proof is as before")
			}
			if len(s.reports) > 0 {
				t.Errorf("reported %v", s.reports)
			}
		})
	}
}

func TestOwnAccountsAreNotForWhoIsNotFarEnough(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	half, unfinished := s.half(), s.unfinished()
	before := s.log(admintest.Free)
	for _, act := range admin.OwnActs() {
		request := act.Method + " " + act.Path
		refused := func(status int, code string, sender []string) {
			t.Helper()
			s.want(status, code, request, "", sender...)
		}
		if act.From == admin.Anybody {
			continue
		}
		refused(401, "AUTH0002", stranger)
		refused(401, "AUTH0002", cookie("made.up"))
		if act.From == admin.Halfway {
			refused(404, "REQ0404", unfinished)
			refused(404, "REQ0404", whole)
			continue
		}
		refused(401, "AUTH0002", half)
		if act.From == admin.Member {
			refused(401, "AUTH0002", unfinished)
		}
	}
	if got := s.log(admintest.Free); got != before {
		t.Errorf("%d entries more", got-before)
	}
	s.want(200, "", "GET second-factor/new", "", unfinished...)
	s.want(200, "", "POST sign-out", "", stranger...)
}

func TestServersHaveNoAccountsOfTheirOwn(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	before := s.log(admintest.Ours)
	for _, act := range admin.OwnActs() {
		for _, sender := range [][]string{token(admintest.OursToken), token("forged"), append(token(admintest.OursToken), whole...)} {
			s.want(403, "ADM0002", act.Method+" "+act.Path, "", sender...)
		}
	}
	if got := s.log(admintest.Ours); got != before {
		t.Errorf("%d entries more", got-before)
	}
	s.want(200, "", "GET account", "", whole...)
}

func TestForgedRequestsDoNothingToAccounts(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	half := s.half()
	before := s.log(admintest.Free)
	for _, act := range admin.OwnActs() {
		if act.Reads() {
			continue
		}
		request, sender := act.Method+" "+act.Path, whole
		if act.From == admin.Halfway {
			sender = half
		}
		for _, from := range [][]string{
			{"Sec-Fetch-Site", ""}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"},
			{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}, {"Sec-Fetch-Site", "cross-site", "Origin", admintest.Hub},
		} {
			s.want(403, "ADM0005", request, "{}", append(sender[:2:2], from...)...)
			s.want(403, "ADM0005", request, "{}", from...)
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json-seq"} {
			s.want(415, "REQ0415", request, "{}", append(sender[:4:4], "Content-Type", kind)...)
		}
		s.want(422, "ADM0001", request+"?password=x", "{}", sender...)
		for _, body := range []string{
			`{"isOwner": true}`, `{"roles": {"100000001": "owner"}}`, `{"email": "a", "email": "b"}`, `{"password": "a", "password": "b"}`, `{"code": "1", "code": "2"}`,
			`{"session": "a", "session": "b"}`, `{"token": "a", "token": "b"}`, `{"Password": "a"}`, `{"password": 1}`, `[]`, `null`, `{`, `{} {}`,
			`{"password": "` + strings.Repeat("x", 128<<10) + `"}`,
		} {
			s.want(422, "ADM0001", request, body, sender...)
		}
	}
	s.want(422, "ADM0001", "GET account?id=x", "", whole...)
	s.want(422, "ADM0001", "GET second-factor/new?x=1&x=2", "", whole...)
	if got := s.log(admintest.Free); got != before {
		t.Errorf("%d entries more", got-before)
	}
	s.want(200, "", "GET account", "", whole...)
	s.want(200, "", "POST confirm", `{"password": "`+admintest.Password+`", "code": "`+s.fresh()+`"}`, append(whole[:2:2], "Origin", admintest.Hub)...)
}

func TestWrongProofsAreRefusedAndLogged(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	other := s.boss2()
	theirs := take[admin.NewSecondFactor](t, s.want(200, "", "GET second-factor/new", "", other...))
	ours := take[admin.NewSecondFactor](t, s.want(200, "", "GET second-factor/new", "", whole...))
	for _, x := range []struct {
		sender       []string
		request      string
		body         string
		status       int
		code, logged string
	}{
		{stranger, "POST sign-in", `{"email": "boss@example.com", "password": "wrong"}`, 403, "ADM0007", "staff.signInFailed!"},
		{stranger, "POST sign-in", `{"email": "nobody@example.com", "password": "wrong"}`, 403, "ADM0007", ""},
		{stranger, "POST sign-in", `{"email": "no address", "password": "wrong"}`, 403, "ADM0007", ""},
		{stranger, "POST sign-in", `{}`, 403, "ADM0007", ""},
		{s.half(), "POST second-factor", `{"code": "000000"}`, 403, "ADM0007", "staff.signInFailed!"},
		{s.half(), "POST second-factor", `{}`, 403, "ADM0007", "staff.signInFailed!"},
		{whole, "POST confirm", `{"password": "wrong", "code": "` + s.fresh() + `"}`, 403, "ADM0007", "account.confirmFailed!"},
		{whole, "POST confirm", `{"password": "` + admintest.Password + `", "code": "000000"}`, 403, "ADM0007", "account.confirmFailed!"},
		{whole, "POST confirm", `{"password": "` + admintest.Password + `"}`, 403, "ADM0007", "account.confirmFailed!"},
		{whole, "POST second-factor/new", `{"sealed": "` + ours.Sealed + `", "code": "000000"}`, 403, "ADM0007", "account.setSecondFactor!"},
		{whole, "POST second-factor/new", `{"sealed": "` + theirs.Sealed + `", "code": "` + s.codeOf(theirs.Secret) + `"}`, 403, "ADM0007", "account.setSecondFactor!"},
		{whole, "POST account/password", `{"current": "wrong", "password": "` + newPassword + `"}`, 403, "ADM0007", "account.changePassword!"},
		{whole, "POST account/password", `{"current": "` + admintest.Password + `", "password": "12345678"}`, 422, "ADM0001", "account.changePassword!"},
		{stranger, "POST invite", `{"token": "made up", "password": "` + newPassword + `"}`, 404, "REQ0404", ""},
		{stranger, "POST invite", `{"token": "` + s.invites("new@example.com", authstore.RoleEditor) + `", "password": "short"}`, 422, "ADM0001", ""},
		{stranger, "POST invite", `{"token": "` + s.invites(bossAddress, authstore.RoleOwner) + `", "password": "` + newPassword + `"}`, 403, "ADM0007", ""},
	} {
		s.Clock.Add(time.Second)
		before := s.log(admintest.Free)
		a := s.want(x.status, x.code, x.request, x.body, x.sender...)
		if x.status == 422 && a.Field != "password" {
			t.Errorf("%s: the field is %q", x.request, a.Field)
		}
		switch got := s.logged(admintest.Free); {
		case x.logged == "" && len(got) != before:
			t.Errorf("%s %s: the log has %v", x.request, x.body, got)
		case x.logged != "" && (len(got) != before+1 || got[0] != x.logged):
			t.Errorf("%s %s: the log has %v, want %s", x.request, x.body, got, x.logged)
		}
	}
	s.want(200, "", "GET account", "", whole...)
}

// boss2 signs in another owner.
func (s *server) boss2() []string {
	s.t.Helper()
	return cookie(s.Joins(s.t, "chief@example.com", authstore.RoleOwner, admintest.Ours))
}

func TestUnknownAddressIsAnsweredAsAWrongPassword(t *testing.T) {
	s := serve(t)
	s.boss()
	known := s.want(403, "ADM0007", "POST sign-in", `{"email": "boss@example.com", "password": "wrong"}`, stranger...)
	unknown := s.want(403, "ADM0007", "POST sign-in", `{"email": "nobody@example.com", "password": "wrong"}`, stranger...)
	if known.body != unknown.body {
		t.Errorf("%s, and %s", known.body, unknown.body)
	}
	for range 9 {
		s.want(403, "ADM0007", "POST sign-in", `{"email": "nobody@example.com", "password": "wrong"}`, stranger...)
		s.want(403, "ADM0007", "POST sign-in", `{"email": "boss@example.com", "password": "wrong"}`, stranger...)
	}
	for _, address := range []string{"nobody@example.com", "boss@example.com"} {
		a := s.want(429, "REQ0429", "POST sign-in", `{"email": "`+address+`", "password": "`+admintest.Password+`"}`, stranger...)
		if a.header.Get("Retry-After") == "" {
			t.Error("it does not say how long to wait")
		}
	}
}

func TestSecondFactorNeedsAFreshProof(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	s.Clock.Add(10 * time.Minute)
	before := s.log(admintest.Free)
	s.want(403, "ADM0003", "GET second-factor/new", "", whole...)
	s.want(403, "ADM0003", "POST second-factor/new", `{"sealed": "x", "code": "000000"}`, whole...)
	if got := s.log(admintest.Free); got != before {
		t.Errorf("%d entries more", got-before)
	}
	fresh := s.want(200, "", "POST confirm", `{"password": "`+admintest.Password+`", "code": "`+s.fresh()+`"}`, whole...).next(t)
	s.want(401, "AUTH0002", "GET account", "", whole...)
	s.want(200, "", "GET second-factor/new", "", fresh...)
	s.want(200, "", "POST 100000004/staff/invite", `{"email": "bob@example.com", "role": "editor"}`, fresh...)
}

func TestOwnerComesInByTheAPIAlone(t *testing.T) {
	s := serve(t)
	invitation := s.invites("new@example.com", authstore.RoleOwner)
	joined := s.want(200, "", "POST invite", `{"token": "`+invitation+`", "password": "`+newPassword+`"}`, stranger...)
	if got := take[admin.Entered](t, joined).Next; got != admin.OwnNewFactor {
		t.Errorf("what follows is %q", got)
	}
	browser := joined.next(t)
	s.want(401, "AUTH0002", "GET 100000004/settings", "", browser...)
	begun := take[admin.NewSecondFactor](t, s.want(200, "", "GET second-factor/new", "", browser...))
	if !strings.HasPrefix(begun.URL, "otpauth://totp/") || !strings.Contains(begun.URL, begun.Secret) {
		t.Errorf("for apps, it is %s", begun.URL)
	}
	set := s.want(200, "", "POST second-factor/new", `{"sealed": "`+begun.Sealed+`", "code": "`+s.codeOf(begun.Secret)+`"}`, browser...)
	recovery := take[admin.NewRecoveryCodes](t, set).RecoveryCodes
	if len(recovery) != 10 {
		t.Errorf("%d recovery codes", len(recovery))
	}
	browser = set.next(t)
	s.want(200, "", "GET 100000004/settings", "", browser...)
	if gone := s.want(200, "", "POST sign-out", "", browser...).next(t); gone[1] != cookie("")[1] {
		t.Errorf("the browser keeps %s", gone[1])
	}
	s.want(401, "AUTH0002", "GET account", "", browser...)

	half := s.want(200, "", "POST sign-in", `{"email": "new@example.com", "password": "`+newPassword+`"}`, stranger...)
	if got := take[admin.Entered](t, half).Next; got != admin.OwnComplete {
		t.Errorf("what follows is %q", got)
	}
	whole := s.want(200, "", "POST second-factor", `{"code": "`+recovery[0]+`"}`, half.next(t)...)
	if got := take[admin.Entered](t, whole).Next; got != "" || len(whole.header.Values("Set-Cookie")) != 2 {
		t.Errorf("what follows is %q, the cookies are %q", got, whole.header.Values("Set-Cookie"))
	}
	s.want(401, "AUTH0002", "POST second-factor", `{"code": "`+recovery[1]+`"}`, half.next(t)...)
	browser = whole.next(t)
	account := take[admin.Account](t, s.want(200, "", "GET account", "", browser...))
	if account.Email != "new@example.com" || !account.SecondFactor || account.RecoveryCodes != 9 || len(account.Sessions) != 1 || !account.Sessions[0].Current ||
		len(account.Publishers) != 1 || account.Publishers[0].Role != authstore.RoleOwner {
		t.Errorf("%+v", account)
	}
	s.saysNothingSecret(invitation, newPassword, begun.Secret, begun.Sealed, recovery[0], strings.ReplaceAll(recovery[1], "-", ""), browser[1])
}

// saysNothingSecret fails when the audit logs or what is reported hold a secret.
func (s *server) saysNothingSecret(secrets ...string) {
	s.t.Helper()
	page, err := s.Store.AuditLog(context.Background(), authstore.AuditQuery{Publisher: admintest.Free, Limit: 200})
	if err != nil || len(page.Entries) == 0 {
		s.t.Fatalf("%d entries, %v", len(page.Entries), err)
	}
	log, err := json.Marshal(page.Entries)
	if err != nil || len(s.reports) > 0 {
		s.t.Fatalf("%v, reported %v", err, s.reports)
	}
	for _, secret := range secrets {
		if strings.Contains(string(log), secret) {
			s.t.Errorf("%q is in the log", secret)
		}
	}
}

func TestMembersEndTheirSessions(t *testing.T) {
	s := serve(t)
	browser := cookie(s.Joins(t, "eve@example.com", authstore.RoleEditor, admintest.Free))
	signIn := func() []string {
		return s.want(200, "", "POST sign-in", `{"email": "eve@example.com", "password": "`+admintest.Password+`"}`, stranger...).next(t)
	}
	phone, tablet := signIn(), signIn()
	id, _, _ := strings.Cut(strings.TrimPrefix(phone[1], "__Host-usher-staff="), ".")
	s.want(200, "", "POST account/sessions/end", `{"session": "`+id+`"}`, browser...)
	s.want(401, "AUTH0002", "GET account", "", phone...)
	s.want(200, "", "GET account", "", tablet...)
	s.want(200, "", "POST account/sessions/others", "", browser...)
	s.want(401, "AUTH0002", "GET account", "", tablet...)
	renewed := s.want(200, "", "POST account/password", `{"current": "`+admintest.Password+`", "password": "`+newPassword+`"}`, browser...).next(t)
	s.want(401, "AUTH0002", "GET account", "", browser...)
	s.want(200, "", "GET account", "", renewed...)
	s.want(403, "ADM0007", "POST sign-in", `{"email": "eve@example.com", "password": "`+admintest.Password+`"}`, stranger...)

	theirs := cookie(s.Joins(t, "bob@example.com", authstore.RoleEditor, admintest.Free))
	other, _, _ := strings.Cut(strings.TrimPrefix(theirs[1], "__Host-usher-staff="), ".")
	s.want(200, "", "POST account/sessions/end", `{"session": "`+other+`"}`, renewed...)
	s.want(200, "", "GET account", "", theirs...)
}

func TestWhatCannotBeLoggedIsNotDoneToAccounts(t *testing.T) {
	s := serve(t)
	whole := s.boss()
	for _, act := range admin.OwnActs() {
		x := ownExamples[act.Name]
		if x.logged == "" || act.Name == admin.OwnJoin || act.Name == admin.OwnComplete { // those end what they have begun
			continue
		}
		body := ""
		if x.body != nil {
			body = x.body(s, whole)
		}
		s.Faulty.FailUpdate(context.DeadlineExceeded)
		s.want(500, "S0001", act.Method+" "+act.Path, body, whole...)
		s.want(200, "", "GET account", "", whole...)
	}
}
