// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/admin/admintest"
)

func TestDaysAndMomentsAreReadAsPeopleWriteThem(t *testing.T) {
	for input, want := range map[string]string{
		`{"begins": "2026-01-31"}`:                `"2026-01-31T00:00:00Z"`,
		`{"begins": "2026-01-31T06:00"}`:          `"2026-01-31T06:00:00Z"`,
		`{"begins": "2026-01-31T06:00:00+05:00"}`: `"2026-01-31T01:00:00Z"`,
		`{"begins": ""}`:                          `""`,
		`{}`:                                      `""`,
		`{"begins": "1970-01-01T00:00:00+05:00"}`: "",
		`{"begins": "tomorrow"}`:                  "",
		`{"begins": 5}`:                           "",
	} {
		into := reflect.New(reflect.TypeFor[admin.PublishConsent]())
		err := admin.Decode([]byte(input), into.Interface())
		var invalid *admin.InvalidError
		if want == "" {
			if !errors.As(err, &invalid) {
				t.Errorf("%s: %v, want an InvalidError", input, err)
			}
			continue
		}
		if got, _ := json.Marshal(into.Interface().(*admin.PublishConsent).Begins); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v, want %s", input, got, err, want)
		}
	}
}

func TestCustomersAreListedByDays(t *testing.T) {
	w := newWorld(t)
	w.Customer(t, admintest.Free, "ann@example.com")
	today := w.Store.Now().UTC()
	for input, want := range map[string]int{
		`{"registeredFrom": "` + today.Format("2006-01-02") + `", "registeredTo": "` + today.Format("2006-01-02") + `"}`: 1,
		`{"registeredFrom": "` + today.AddDate(0, 0, 1).Format("2006-01-02") + `"}`:                                      0,
		`{"registeredTo": "` + today.AddDate(0, 0, -1).Format("2006-01-02") + `"}`:                                       0,
	} {
		out, err := w.do(w.As(authstore.RoleReadOnly), "customer.list", admintest.Free, nil, input)
		if list, _ := out.(admin.CustomerList); err != nil || len(list.Customers) != want {
			t.Errorf("%s: %+v, %v, want %d", input, out, err, want)
		}
	}
}
