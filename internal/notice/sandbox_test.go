// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package notice_test

import (
	"strings"
	"testing"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/mail"
	"github.com/usher-sso/usher/internal/notice"
	"github.com/usher-sso/usher/internal/notice/noticetest"
)

func TestMailsOfASandboxSaySoAndGoTheirOwnWay(t *testing.T) {
	for name, sandbox := range map[string]bool{"sandbox": true, "production": false} {
		w := newWorld(t)
		p := nova
		p.Sandbox, p.Languages = sandbox, []string{"de", "fr"}
		if err := w.store.DeclarePublishers(t.Context(), []authstore.Publisher{p}); err != nil {
			t.Fatal(err)
		}
		kept := make(noticetest.Box, 1)
		w.worker = noticetest.Worker(t, w.Sender, notice.WorkerConfig{
			Store: w.store, Links: w.links, Report: func(err error) { t.Error(err) },
			MailerFor: func(p authstore.Publisher) mail.Mailer {
				if p.Sandbox {
					return kept
				}
				return w.mailer
			},
		})
		if err := w.PasswordChanged(t.Context(), w.mustCustomer(t, "ann@example.com", "pl_PL")); err != nil {
			t.Fatal(err)
		}
		sent := w.mailed(t)
		if sandbox {
			if len(sent) != 0 || len(kept) != 1 {
				t.Fatalf("%s: %d sent, %d kept", name, len(sent), len(kept))
			}
			sent = append(sent, <-kept)
		}
		if subject := sent[0].Subject; strings.HasPrefix(subject, "[Sandbox] ") != sandbox || !strings.Contains(subject, "Passwort") {
			t.Errorf("%s: subject %q", name, subject)
		}
	}
}
