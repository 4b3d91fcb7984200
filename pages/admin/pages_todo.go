// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

func consentPages() []page  { return nil }
func capturePages() []page  { return nil }
func settingsPages() []page { return nil }
func staffPages() []page    { return nil }
func sandboxPages() []page  { return nil }

func consentOutcomes() map[string]outcome  { return nil }
func captureOutcomes() map[string]outcome  { return nil }
func settingsOutcomes() map[string]outcome { return nil }
func staffOutcomes() map[string]outcome    { return nil }
func sandboxOutcomes() map[string]outcome  { return nil }
