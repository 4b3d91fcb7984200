// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

func customerPages() []page { return nil }

func customerOutcomes() map[string]outcome { return nil }
