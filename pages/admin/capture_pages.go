// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import acts "github.com/usher-sso/usher/internal/admin"

func capturePages() []page {
	return []page{
		{"capture", SectionCapture, showQuestions},
		{"capture/answers", SectionCapture, showAnswers},
	}
}

func captureOutcomes() map[string]outcome {
	return map[string]outcome{
		"capture.save":   {page: "capture", says: "The questions are saved, and in force."},
		"capture.export": {page: "capture/answers"},
	}
}

func showQuestions(v *visit) (View, error) {
	asked, err := read[acts.CaptureView](v, "capture.get", v.query)
	return &Questions{Chrome: v.chrome, Capture: asked, Look: v.look("questions")}, err
}

func showAnswers(v *visit) (View, error) {
	sum, err := read[acts.AnswerSummary](v, "capture.answers", v.query)
	return &Answers{Chrome: v.chrome, Summary: sum}, err
}
