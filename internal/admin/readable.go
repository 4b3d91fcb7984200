// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"strings"

	"github.com/usher-sso/usher/authstore"
)

// readable returns a setting as people read it: all of it, so that two that read
// the same are the same. What is not set is "".
func readable(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []string:
		return strings.Join(v, ", ")
	case Span:
		if v.Duration != 0 {
			return v.String()
		}
	case *authstore.VerifyEmail:
		return readableVerification(v)
	case *authstore.Capture:
		return readableQuestions(v)
	case []authstore.BrandLink:
		var lines []string
		for _, l := range v {
			lines = append(lines, l.Name+": "+l.URL)
		}
		return strings.Join(lines, "\n")
	}
	return ""
}

func readableVerification(v *authstore.VerifyEmail) string {
	switch {
	case v == nil:
		return ""
	case !v.On:
		return "not demanded, within " + Span{v.Within}.String()
	}
	return "demanded within " + Span{v.Within}.String()
}

func readableQuestions(c *authstore.Capture) string {
	if c == nil {
		return ""
	}
	lines := []string{"switched off"}
	if c.Enabled {
		lines[0] = "switched on"
	}
	if c.Enforced {
		lines[0] += ", insisted on"
	}
	for _, f := range c.Fields {
		line := f.Key
		if f.Required {
			line += ", required"
		}
		if f.Question != "" {
			line += ": " + f.Question
		}
		if len(f.Choices) > 0 {
			line += " (" + strings.Join(f.Choices, "; ") + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
