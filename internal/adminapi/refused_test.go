// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
	"github.com/usher-sso/usher/internal/staff"
)

// somewhere is what stands for the parameters of paths where nothing is there.
var somewhere = map[string]string{"customerId": "599999999", "staffId": "nobody", "name": "nothing", "version": "9"}

func TestWhoProvesNothingIsRefused(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	unfinished := s.unfinished()
	for _, act := range admin.Acts() {
		request := path(act, admintest.Free, somewhere)
		s.want(401, "AUTH0002", request, "")
		s.want(401, "AUTH0002", request, "", cookie("forged")...)
		s.want(401, "AUTH0002", request, "", unfinished...)
		s.want(401, "AUTH0002", request, "", append(token("forged"), boss...)...)
		s.want(403, "ADM0002", request, "", token(admintest.OtherToken)...)
	}
	if n := s.log(admintest.Free); n > 0 {
		t.Errorf("%d entries in the audit log", n)
	}
}

func TestSessionWithoutItsSecondFactorIsRefused(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	e, err := s.Staff.SignIn(context.Background(), "boss@example.com", admintest.Password, staff.Device{IP: "192.0.2.9"})
	if err != nil || e.Session.Complete {
		t.Fatalf("%+v, %v", e.Session, err)
	}
	s.want(401, "AUTH0002", "GET 100000004/settings", "", cookie(e.Proof)...)
	s.want(200, "", "GET 100000004/settings", "", boss...)
}

func TestDisabledMemberIsRefused(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	eve := s.Joins(t, "eve@example.com", authstore.RoleEditor, admintest.Free)
	id := s.Actor(t, eve).Staff.ID
	s.want(200, "", "GET 100000004/customers", "", cookie(eve)...)
	s.want(200, "", "POST 100000004/staff/"+id+"/disable", "", boss...)
	s.want(401, "AUTH0002", "GET 100000004/customers", "", cookie(eve)...)
}

func TestRolesEndInTheAPIToo(t *testing.T) {
	s := serve(t)
	for _, role := range []authstore.Role{authstore.RoleEditor, authstore.RoleSupport, authstore.RoleReadOnly} {
		browser := cookie(s.Joins(t, admintest.Address(role), role, admintest.Free))
		for _, act := range admin.Acts() {
			if admin.Allows(role, act.Needs) {
				continue
			}
			s.want(403, "ADM0002", path(act, admintest.Free, somewhere), "", browser...)
		}
		for _, publisher := range []string{"100000001", "100000002", "100000009", "0100000004", "x"} {
			s.want(403, "ADM0002", "GET "+publisher+"/customers", "", browser...)
		}
	}
}

func TestDangerousActsAskForAConfirmation(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	s.Clock.Add(10 * time.Minute)
	for _, act := range admin.Acts() {
		if act.StepUp {
			s.want(403, "ADM0003", path(act, admintest.Free, somewhere), "", boss...)
		}
	}
}

func TestForgedRequestsAreRefused(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	origin := admintest.Hub
	for _, act := range admin.Acts() {
		if act.Reads() {
			continue
		}
		request := path(act, admintest.Free, somewhere)
		for _, from := range [][]string{
			{"Sec-Fetch-Site", ""}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"},
			{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}, {"Sec-Fetch-Site", "cross-site", "Origin", origin},
		} {
			s.want(403, "ADM0005", request, "{}", append(boss[:2:2], from...)...)
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/json-seq"} {
			s.want(415, "REQ0415", request, "{}", append(boss[:4:4], "Content-Type", kind)...)
		}
	}
	if n := s.log(admintest.Free); n > 0 {
		t.Errorf("%d entries in the audit log", n)
	}
	s.want(200, "", "POST 100000004/capture", `{"enabled": false}`, append(boss[:2:2], "Origin", origin, "Content-Type", "application/json; charset=utf-8")...)
}

func TestOnlyWhatAnActTakesIsTaken(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	c := admintest.ID(s.Customer(t, admintest.Free, "ann@example.com").ID)
	for _, act := range admin.Acts() {
		request := path(act, admintest.Free, map[string]string{"customerId": c, "staffId": "nobody", "name": "terms", "version": "1"})
		if act.Reads() {
			s.want(422, "ADM0001", request+"?isAdmin=true", "", boss...)
			s.want(422, "ADM0001", request+"?limit=1&limit=2", "", boss...)
			s.want(422, "ADM0001", request+"?a=%zz", "", boss...)
			continue
		}
		s.want(422, "ADM0001", request+"?revision=1", "{}", boss...)
		for _, body := range []string{
			`{"isAdmin": true}`, `{"publisherId": 100000002}`, `{"role": "owner", "role": "editor"}`, `{"Revision": 1}`, `[]`, `null`, `{`, `{} {}`,
			`{"email": "` + strings.Repeat("x", 128<<10) + `"}`,
		} {
			s.want(422, "ADM0001", request, body, boss...)
		}
	}
	if n := s.log(admintest.Free); n > 0 {
		t.Errorf("%d entries in the audit log", n)
	}
}

// needed is the input without which acts do not look whether something is there.
var needed = map[string]string{"staff.changeRole": `{"role": "editor"}`}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	theirs := admintest.ID(s.Customer(t, admintest.Other, "theirs@example.com").ID)
	for _, act := range admin.Acts() {
		if !strings.Contains(act.Path, "{") {
			continue
		}
		s.want(404, "REQ0404", path(act, admintest.Free, somewhere), needed[act.Name], boss...)
		if strings.Contains(act.Path, "{customerId}") {
			s.want(404, "REQ0404", path(act, admintest.Free, map[string]string{"customerId": theirs}), "", boss...)
		}
	}
	s.want(404, "REQ0404", "POST 100000004/staff/withdraw", `{"email": "nobody"}`, boss...)
	for _, request := range []string{
		"GET ", "GET 100000004", "GET 100000004/", "GET 100000004/nothing", "POST 100000004/customers", "PUT 100000004/settings", "DELETE 100000004/customers/" + theirs,
		"PATCH 100000004/consents", "GET 100000004/token/rotate", "OPTIONS 100000004/customers",
	} {
		s.want(404, "REQ0404", request, "", boss...)
	}
}

func TestConflictsAreTold(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	declared := map[string]string{"name": "declared", "version": "1"}
	for name, body := range map[string]string{
		"consent.save": `{"name": "declared", "kind": "terms", "version": "2", "label": "x"}`, "consent.retire": "{}",
		"capture.save": "{}", "token.rotate": "{}", "token.revoke": "{}",
	} {
		s.want(409, "ADM0004", path(admin.ActNamed(name), admintest.Ours, declared), body, boss...)
	}
	for name, body := range map[string]string{
		"settings.save": `{"revision": 7}`, "brand.save": `{"revision": 7}`, "brand.picture": `{"revision": 7, "kind": "logo"}`, "token.rotate": `{"revision": 7}`,
		"token.revoke": `{"revision": 7}`, "capture.save": `{"revision": 7}`, "consent.order": `{"revision": 7, "names": []}`,
	} {
		s.want(409, "ADM0006", path(admin.ActNamed(name), admintest.Free, nil), body, boss...)
	}
	s.want(409, "ADM0006", "POST 100000003/sandbox/copy", `{"to": "100000004", "from": 7, "revision": 0}`, boss...)
}

func TestFaultOfAFieldIsNamed(t *testing.T) {
	s := serve(t)
	a := s.want(422, "ADM0001", "POST 100000004/settings", `{"tokenLife": "2h"}`, s.boss()...)
	if a.Field != "tokenLife" || len(a.Errors) != 1 || !strings.HasPrefix(a.Errors[0], "tokenLife: ") {
		t.Errorf("%s", a.body)
	}
}

func TestInternalErrorsAreReportedAndNotTold(t *testing.T) {
	s := serve(t)
	boss := s.boss()
	c := s.Customer(t, admintest.Free, "ann@example.com")
	disk := errors.New("disk is full")
	s.Faulty.FailUpdate(disk)
	a := s.want(500, "S0001", fmt.Sprintf("POST 100000004/customers/%d/disable", c.ID), "", boss...)
	if strings.Contains(a.body, disk.Error()) || len(s.reports) != 1 || !errors.Is(s.reports[0], disk) {
		t.Errorf("%s, reported %v", a.body, s.reports)
	}
}
