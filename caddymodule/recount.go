// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/capture"
	"github.com/usher-sso/usher/internal/secret"
)

// recounter has answers to profile questions counted anew when the questions have
// changed: their numbers are kept as answers come, by the questions of that time. It
// works beside the requests, a bounded number of customers in each transaction. By
// which questions the answers are counted is in the store, so that a start without
// a change, or a reload, costs one read for each publisher, and what was broken off
// is taken up again.
type recounter struct {
	store  *authstore.Store
	listed <-chan struct{} // closed when all customers are in the lists that it goes by
	log    *zap.Logger
	again  time.Duration // how soon a failure is tried again

	mu         sync.Mutex
	publishers []authstore.Publisher // guarded by mu; as they are in force
	wake       chan struct{}         // has one while publishers is news
}

// retryRecount is how soon a store that fails is asked again.
const retryRecount = time.Minute

func newRecounter(n *node, log *zap.Logger) *recounter {
	return &recounter{store: n.store, listed: n.listed, log: log, again: retryRecount, wake: make(chan struct{}, 1)}
}

// changed tells which publishers are in force. It waits for nothing.
func (c *recounter) changed(publishers []authstore.Publisher) {
	c.mu.Lock()
	c.publishers = publishers
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// work counts until the context ends.
func (c *recounter) work(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-c.listed:
	}
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-retry:
		}
		retry = nil
		if err := c.countAll(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("counting answers anew; the numbers in the dashboard are those of earlier questions until it is tried again", zap.Error(err))
			retry = time.After(c.again)
		}
	}
}

// countAll counts where that is needed. News ends it early: the next call knows
// better.
func (c *recounter) countAll(ctx context.Context) error {
	c.mu.Lock()
	publishers := c.publishers
	c.mu.Unlock()
	for _, p := range publishers {
		if err := c.count(ctx, p); err != nil {
			return fmt.Errorf("publisher %d: %w", p.ID, err)
		}
	}
	return nil
}

// count counts the answers of a publisher, if that was not done by its questions yet.
func (c *recounter) count(ctx context.Context, p authstore.Publisher) error {
	by, err := questionsOf(p.Capture)
	if err != nil {
		return err
	}
	if have, err := c.store.AnswersCounted(ctx, p.ID); err != nil || have == by {
		return err
	}
	buckets := func(who authstore.Customer, a authstore.CaptureAnswers) map[string]string {
		return capture.Buckets(p.Capture, who, a)
	}
	for next, first := "", true; first || next != ""; first = false {
		if len(c.wake) > 0 {
			return nil
		}
		if next, err = c.store.RecountAnswers(ctx, p.ID, next, buckets); err != nil {
			return err
		}
	}
	return c.store.NoteAnswersCounted(ctx, p.ID, by)
}

// questionsOf names questions by what answers are counted by; "" for none, by which
// nothing is.
func questionsOf(asked authstore.Capture) (string, error) {
	if !asked.Enabled {
		return "", nil
	}
	type question struct {
		Key     string
		Choices []string
	}
	var all []question
	for _, f := range asked.Fields {
		all = append(all, question{f.Key, f.Choices})
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("naming questions: %w", err)
	}
	return secret.Digest(string(text)), nil
}
