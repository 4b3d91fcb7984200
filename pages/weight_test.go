// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import "testing"

// maxWeight is what a viewer on a slow line has to load before a page is
// complete, without the publisher's own logo: all that it names, uncompressed.
const maxWeight = 60 << 10

func TestPagesAreLight(t *testing.T) {
	r := mustRenderer(t)
	assets := 0
	for _, name := range []string{"style.css", "usher.js", "favicon.svg"} {
		assets += len(r.assets.files[r.assets.addresses[name]].body)
	}
	for _, l := range r.catalog.All() {
		for page, answer := range renderIn(t, r, l.Tag.String(), "Nordlys Television", "https://sport.nordlys.example/terms") {
			if weight := assets + answer.Body.Len(); weight > maxWeight {
				t.Errorf("%s in %s weighs %d bytes", page, l.Tag, weight)
			}
		}
	}
	t.Logf("stylesheet, script and icon weigh %d bytes", assets)
}
