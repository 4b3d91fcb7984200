// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package e2etest

// raceDetector says that these tests were built with the race detector.
const raceDetector = true
