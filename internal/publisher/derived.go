// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package publisher

import (
	"sync/atomic"

	"github.com/usher-sso/usher/authstore"
)

// Derived is what somebody makes of the publishers of a directory, and keeps until
// they change. Safe for concurrent use.
type Derived[T any] struct {
	directory *Directory
	derive    func([]authstore.Publisher) T
	kept      atomic.Pointer[derived[T]]
}

type derived[T any] struct {
	from  *snapshot
	value T
}

// Derive returns what derive makes of a directory's publishers. derive may run more
// than once for the same publishers; what it returns must not be changed.
func Derive[T any](d *Directory, derive func([]authstore.Publisher) T) *Derived[T] {
	return &Derived[T]{directory: d, derive: derive}
}

// Get returns what was made of the publishers as they are now. Unless they have
// changed, it costs two loads.
func (v *Derived[T]) Get() T {
	now := v.directory.current.Load()
	if have := v.kept.Load(); have != nil && have.from == now {
		return have.value
	}
	return v.anew(now)
}

// anew is apart from Get, so that Get can be inlined.
func (v *Derived[T]) anew(from *snapshot) T {
	value := v.derive(from.publishers)
	v.kept.Store(&derived[T]{from, value})
	return value
}
