// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package e2etest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestReloadKeepsStaffSignedIn(t *testing.T) {
	t.Parallel()
	s := start(t, twoDesks)
	boss := s.hires(t, "boss@reload.test", "owner", "100000001")
	before := boss.cookies(s.hub)["usher-staff"]
	if out, err := s.reload(twoDesks, "2"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	if !boss.works() || boss.cookies(s.hub)["usher-staff"] != before {
		t.Error("signed out by a reload")
	}
	boss.orders("staff/invite", `{"email": "new@reload.test", "role": "editor"}`).says(t, 200) // still stepped up
	// A publisher that is declared no longer is nobody's to look at.
	gone := strings.Replace(twoDesks, "		publisher 100000002 {\n			sites {{.Sports}}\n		}", "", 1)
	gone = strings.Replace(gone, "sites {{.News}}", "sites {{.News}} {{.Sports}}", 1)
	both := s.hires(t, "both@reload.test", "support", "100000001,100000002")
	both.open(s.hub+"/admin/100000002/customers").says(t, 200)
	if out, err := s.reload(gone, "3"); err != nil {
		t.Fatalf("reloading: %v\n%s", err, out)
	}
	both.open(s.hub+"/admin/100000002/customers").says(t, 404)
	both.fetch(s.hub+"/admin/api/100000002/customers").says(t, 403)
	if !both.works() {
		t.Error("the role at the publisher that is left is gone, too")
	}
}

// versionStates returns the versions of a consent with where they are on their way, and
// the one that is asked for.
func (c *clerk) versionStates(t testing.TB, name string) (states map[string]string, asked string) {
	t.Helper()
	var one struct {
		ResponseData struct {
			Versions []struct{ Version, State string }
		}
	}
	var all struct {
		ResponseData struct {
			Consents []struct{ Name, Version string }
		}
	}
	c.fetch(c.s.hub+deskAPI+"consents/"+name).says(t, 200).json(t, &one)
	c.fetch(c.s.hub+deskAPI+"consents").says(t, 200).json(t, &all)
	states = map[string]string{}
	for _, v := range one.ResponseData.Versions {
		states[v.Version] = v.State
	}
	for _, x := range all.ResponseData.Consents {
		if x.Name == name {
			asked = x.Version
		}
	}
	return states, asked
}

func TestKillWhilePublishingLeavesDraftsAndWholeVersions(t *testing.T) {
	t.Parallel()
	s := start(t, twoDesks)
	boss := s.hires(t, "boss@crash.test", "owner", "100000001")
	const versions, enough = 12, 4
	for i := range versions {
		boss.orders("consents", fmt.Sprintf(`{"name": "terms", "kind": "terms", "version": "%d", "label": "Text %d"}`, i, i)).says(t, 200)
	}
	published := make(chan string, versions)
	var crowd sync.WaitGroup
	for i := range versions {
		crowd.Go(func() {
			if boss.publishes(fmt.Sprint(i)) == 200 {
				published <- fmt.Sprint(i)
			}
		})
	}
	var answered []string
	for range enough {
		answered = append(answered, <-published)
	}
	s.kill()
	crowd.Wait()
	close(published)
	for v := range published {
		answered = append(answered, v)
	}
	s.restart()
	states, asked := boss.versionStates(t, "terms") // which needs the session to be there
	current := ""
	for version, state := range states {
		switch {
		case state == "current" && current == "":
			current = version
		case state != "past" && state != "draft":
			t.Errorf("version %s is %s", version, state)
		}
	}
	for _, v := range answered {
		if states[v] == "draft" {
			t.Errorf("version %s was published before the crash, and is a draft after it", v)
		}
	}
	if len(states) != versions || asked == "" || asked != current {
		t.Errorf("%d versions; %q is asked for, %q current", len(states), asked, current)
	}
	for version, state := range states { // what is a draft can be published, and nothing else
		if want := map[bool]int{true: 200, false: 422}[state == "draft"]; boss.publishes(version) != want {
			t.Errorf("version %s, which is %s, cannot be dealt with", version, state)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "usher.db")); err != nil {
		t.Error(err)
	}
}

// publishes publishes a version of the terms, and returns the status, or 0 when there
// was no answer.
func (c *clerk) publishes(version string) int {
	req, err := http.NewRequest("POST", c.s.hub+deskAPI+"consents/terms/versions/"+version+"/publish", strings.NewReader("{}"))
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := c.client.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}
