// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package locale

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// maxHeaderBytes bounds how much of Accept-Language is read. A browser with a
// dozen languages sends about 150 bytes; a header of Caddy's full megabyte would
// otherwise be parsed and sorted for every anonymous request to /locales.
const maxHeaderBytes = 512

// preference is one entry of an Accept-Language header.
type preference struct {
	tag    language.Tag
	weight float32
}

// preferences returns the languages of an Accept-Language header (RFC 9110
// section 12.5.4), most wanted first, those of equal weight in their order.
// Entries that are no language ("*", "xx", noise) or unwanted (q=0) are left out.
func preferences(header string) []language.Tag {
	if len(header) > maxHeaderBytes {
		// The entry that the limit cuts goes entirely: half of "de-CH" would read
		// as another language tag.
		header = header[:maxHeaderBytes]
		header = header[:strings.LastIndexByte(header, ',')+1]
	}
	var found []preference
	for entry := range strings.SplitSeq(header, ",") {
		// One entry at a time, because the parser gives up on the whole header
		// at the first language it does not know.
		tags, weights, err := language.ParseAcceptLanguage(strings.TrimSpace(entry))
		if err != nil || len(tags) != 1 || !isLanguage(tags[0]) {
			continue
		}
		// Weights above 1 and "NaN" get through the parser.
		if weight := weights[0]; weight > 0 && weight <= 1 {
			found = append(found, preference{tags[0], weight})
		}
	}
	slices.SortStableFunc(found, func(a, b preference) int {
		return cmp.Compare(b.weight, a.weight)
	})
	tags := make([]language.Tag, len(found))
	for i, p := range found {
		tags[i] = p.tag
	}
	return tags
}

// isLanguage tells languages from the tags that stand for any ("*" and "mul"),
// none or a private one ("und", "x-klingon").
func isLanguage(tag language.Tag) bool {
	base, confidence := tag.Base()
	return confidence != language.No && base.String() != "mul" && base.String() != "und"
}
