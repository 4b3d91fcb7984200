// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"net/url"

	"github.com/usher-sso/usher/authstore"
	acts "github.com/usher-sso/usher/internal/admin"
)

func sandboxPages() []page {
	return []page{{"sandbox", SectionSandbox, showSandbox}}
}

func sandboxOutcomes() map[string]outcome {
	return map[string]outcome{
		"sandbox.copy":  {page: "sandbox", says: "The settings are copied. Consents became drafts there, to be published there."},
		"sandbox.reset": {page: "sandbox", says: "All customers of the sandbox are gone."},
	}
}

func showSandbox(v *visit) (View, error) {
	switch {
	case !v.info.Sandbox:
		return nil, acts.ErrNotFound
	case !v.may("sandbox.diff"):
		return nil, &failure{acts.ActNamed("sandbox.diff"), acts.ErrForbidden}
	}
	view := &SandboxPage{Chrome: v.chrome, To: cmp.Or(v.query.Get("to"), v.form.Get("to"))}
	for _, p := range v.chrome.Publishers {
		if !p.Sandbox && acts.Allows(authstore.Role(p.Role), acts.Own) {
			view.Targets = append(view.Targets, p)
		}
	}
	v.query.Del("to")
	if len(v.query) > 0 {
		return nil, &acts.InvalidError{Sentence: "the address is not one that this page takes"}
	}
	if view.To == "" {
		return view, nil
	}
	diff, err := read[acts.SandboxDiff](v, "sandbox.diff", url.Values{"to": {view.To}})
	view.Diff = &diff
	return view, err
}
