// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"
	"strings"

	"github.com/usher-sso/usher/authstore"
)

// Answered is the bucket of answers that are only counted, not told apart.
const Answered = "answered"

// Buckets returns by what a customer's answers are counted, by field: the choice
// where there are some, the decade of birth, the country; of everything else, that
// it was answered. Fields without an answer, and those that are not asked for, have
// none. The country of an address is counted beside it, as the field country.
func Buckets(settings authstore.Capture, c authstore.Customer, a authstore.CaptureAnswers) map[string]string {
	buckets := map[string]string{}
	if !settings.Enabled {
		return buckets
	}
	for _, f := range settings.Fields {
		if !answered(f.Key, c, a) {
			continue
		}
		buckets[f.Key] = bucket(f, Answer(f.Key, c, a))
	}
	if country := Answer("country", c, a); country != "" && Enabled(settings)["country"] {
		buckets["country"] = strings.ToUpper(country)
	}
	return buckets
}

func bucket(f authstore.CaptureField, answer string) string {
	switch {
	case slices.Contains(f.Choices, answer):
		return answer
	case f.Key == "birthDate" && len(answer) == len("2006-01-02"):
		return answer[:3] + "0s"
	}
	return Answered
}
