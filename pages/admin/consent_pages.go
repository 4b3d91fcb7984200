// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"

	acts "github.com/usher-sso/usher/internal/admin"
)

func consentPages() []page {
	return []page{
		{"consents", SectionConsents, showConsents},
		{"consents/{name}", SectionConsents, showConsent},
	}
}

func consentOutcomes() map[string]outcome {
	const one = "consents/{name}"
	return map[string]outcome{
		"consent.save":           {page: "consents", choose: draftPage, then: one, says: "The draft is saved. Nobody is asked for it before it is published."},
		"consent.drop":           {page: one, then: "consents", says: "The draft is gone."},
		"consent.publish":        {page: one, says: "The version is published."},
		"consent.unpublish":      {page: one, says: "The version is a draft again."},
		"consent.retire":         {page: one, says: "Customers are asked for this consent no more."},
		"consent.order":          {page: "consents", says: "The order is changed."},
		"consent.exportEvidence": {page: "consents"},
	}
}

// draftPage returns the page whose form has sent a draft: that of its consent, if
// there is one already.
func draftPage(v *visit) string {
	v.r.SetPathValue("name", v.form.Get("name"))
	if _, err := read[acts.ConsentDetail](v, "consent.get", nil); err != nil {
		return "consents"
	}
	return "consents/{name}"
}

func showConsents(v *visit) (View, error) {
	list, err := read[acts.ConsentList](v, "consent.list", v.query)
	return &Consents{Chrome: v.chrome, List: list, Tags: v.desk.Service.Languages}, err
}

func showConsent(v *visit) (View, error) {
	edit := cmp.Or(v.query.Get("edit"), v.form.Get("version"))
	v.query.Del("edit")
	detail, err := read[acts.ConsentDetail](v, "consent.get", v.query)
	return &Consent{Chrome: v.chrome, Detail: detail, Tags: v.desk.Service.Languages, Edit: edit, Look: v.look("register")}, err
}
