// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// ErrMissing says that a required answer is not given.
var ErrMissing = errors.New("answer is required")

// Judge judges the answers of a form that shows everything that is asked, and
// returns by name what is wrong with them: ErrMissing, or ErrAnswer, which is
// also for an answer that is none of a question's choices.
func Judge(settings authstore.Capture, given map[string]string, now time.Time) map[string]error {
	wrong := map[string]error{}
	for _, f := range settings.Fields {
		for _, name := range Parts(f.Key) {
			value := given[name]
			err := Check(name, value, now)
			switch {
			case name == "email": // shown, never asked
				continue
			case value != "" && len(f.Choices) > 0 && !slices.Contains(f.Choices, value):
				err = fmt.Errorf("%w: %s", ErrAnswer, name)
			case value == "" && f.Required && slices.Contains(Needed(f.Key), name):
				err = fmt.Errorf("%w: %s", ErrMissing, name)
			}
			if err != nil {
				wrong[name] = err
			}
		}
	}
	return wrong
}
