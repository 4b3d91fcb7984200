// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package e2etest

// withRace says that this test was built with the race detector, and that the
// server is to be built so too.
const withRace = true
