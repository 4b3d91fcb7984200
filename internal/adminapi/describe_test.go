// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi_test

import (
	"testing"

	"github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/adminapi"
)

func TestDescriptionIsValidAndHasEveryAct(t *testing.T) {
	d, err := description()
	if err != nil {
		t.Fatal(err)
	}
	operations := d.Operations()
	for _, act := range admin.Acts() {
		if len(operations[act.Method+" "+adminapi.Prefix+"{publisherId}/"+act.Path]) == 0 {
			t.Errorf("%s is not described", act.Name)
		}
	}
	for _, act := range admin.OwnActs() {
		if len(operations[act.Method+" "+adminapi.Prefix+act.Path]) == 0 {
			t.Errorf("%s is not described", act.Name)
		}
	}
	if len(operations["POST /auths"]) == 0 {
		t.Error("the endpoints for viewers are gone")
	}
}

func TestNoDescriptionIsAnError(t *testing.T) {
	if _, err := adminapi.Describe([]byte("x")); err == nil {
		t.Error("taken")
	}
}
