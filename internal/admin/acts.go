// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"slices"

	"github.com/usher-sso/usher/internal/customer"
)

// acts are all that there are.
var acts = slices.Concat(overviewActs, customerActs, consentActs, captureActs, settingsActs, staffActs, sandboxActs)

// known tells whether an error is about what was asked for, and not about us.
func known(err error) bool {
	var invalid *InvalidError
	var limit *customer.LimitError
	for _, sentinel := range []error{ErrForbidden, ErrStepUp, ErrNotFound, ErrDeclared, ErrChanged, customer.ErrBusy} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	return errors.As(err, &invalid) || errors.As(err, &limit)
}
