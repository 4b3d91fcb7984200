// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package gate_test

// raceDetector tells whether the tests run under the race detector.
const raceDetector = true
