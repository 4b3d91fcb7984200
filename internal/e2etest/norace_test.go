// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package e2etest

const raceDetector = false
