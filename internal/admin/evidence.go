// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/usher-sso/usher/authstore"
)

// Exported evidence is lines of JSON: a header, the consent records customer by
// customer in the order of their answers, and an end, without which the file was
// cut off.

// EvidenceHeader is the first line of exported evidence.
type EvidenceHeader struct {
	Format    string    `json:"usher"` // evidenceFormat
	Publisher string    `json:"publisher"`
	Made      time.Time `json:"made"`
}

// evidenceEnd is the last line.
type evidenceEnd struct {
	Format    string `json:"usher"` // evidenceEnds
	Customers int    `json:"customers"`
	Records   int    `json:"records"`
	Digest    string `json:"digest"` // SHA-256 in hex over the hashes of all records, each with a line feed
}

const (
	evidenceFormat = "consent evidence 1"
	evidenceEnds   = "end of consent evidence"

	// maxEvidenceLine bounds a line, in bytes. A record is a value of the store,
	// which is smaller.
	maxEvidenceLine = 128 << 10
)

// counted sums up records as they go by.
type counted struct {
	end  evidenceEnd
	last int64 // customer
	sum  hash.Hash
}

func newCounted() *counted {
	return &counted{sum: sha256.New(), end: evidenceEnd{Format: evidenceEnds}}
}

func (n *counted) add(r authstore.ConsentRecord) {
	if n.end.Records == 0 || r.CustomerID != n.last {
		n.end.Customers++
	}
	n.end.Records++
	n.last = r.CustomerID
	io.WriteString(n.sum, r.Hash+"\n")
}

func (n *counted) total() evidenceEnd {
	n.end.Digest = hex.EncodeToString(n.sum.Sum(nil))
	return n.end
}

func exportEvidence(s *Service, ctx context.Context, c *call, _ None) (Download, error) {
	id := fmt.Sprint(c.publisher.ID)
	header := EvidenceHeader{evidenceFormat, id, s.Store.Now()}
	d := Download{Name: "consent-evidence-" + id + ".jsonl"}
	d.Write = func(ctx context.Context, w io.Writer) error {
		out := bufio.NewWriter(w)
		e, n := json.NewEncoder(out), newCounted()
		if err := e.Encode(header); err != nil {
			return err
		}
		err := s.Store.EachConsentRecord(ctx, c.publisher.ID, func(r authstore.ConsentRecord) error {
			n.add(r)
			return e.Encode(r)
		})
		if err != nil {
			return err
		}
		if err := e.Encode(n.total()); err != nil {
			return err
		}
		return out.Flush()
	}
	return d, c.do(ctx, "", nil, func() error { return nil })
}

// evidenceLines reads exported evidence.
type evidenceLines struct {
	*bufio.Scanner
	number  int  // of the line
	headed  bool // there was a header
	ended   bool // there was an end
	counted *counted
}

// VerifyEvidence reads exported evidence and checks the chains of all customers,
// and that nothing was cut off; a file of bare records has no end to tell that by.
// It remembers one record at a time. Errors: authstore.ErrBrokenChain, and what is
// wrong with the file, with the line.
func VerifyEvidence(r io.Reader) (authstore.EvidenceSummary, error) {
	l := &evidenceLines{Scanner: bufio.NewScanner(r), counted: newCounted()}
	l.Buffer(nil, maxEvidenceLine)
	sum, err := authstore.VerifyEvidence(l.next)
	switch {
	case err != nil:
		return sum, fmt.Errorf("line %d: %w", l.number, err)
	case l.headed && !l.ended:
		return sum, fmt.Errorf("line %d: %w: the file was cut off here", l.number, authstore.ErrBrokenChain)
	case !l.headed && sum.Records == 0:
		return sum, errors.New("there is no evidence in the file; export it again")
	}
	return sum, nil
}

// next returns the next record.
func (l *evidenceLines) next() (record authstore.ConsentRecord, err error) {
	for l.Scan() {
		l.number++
		line := bytes.TrimSpace(l.Bytes())
		switch format := formatOf(line); {
		case len(line) == 0:
			continue
		case l.ended:
			return record, errors.New("something follows the end")
		case l.number == 1 && format == evidenceFormat:
			l.headed = true
			continue
		case l.headed && format == evidenceEnds:
			if err := l.checkEnd(line); err != nil {
				return record, err
			}
			continue
		}
		if record, err = readRecord(line); err == nil {
			l.counted.add(record)
		}
		return record, err
	}
	if err := l.Err(); err != nil {
		return record, err
	}
	return record, io.EOF
}

func (l *evidenceLines) checkEnd(line []byte) error {
	var end evidenceEnd
	if err := json.Unmarshal(line, &end); err != nil || end != l.counted.total() {
		return fmt.Errorf("%w: the end does not count what comes before it", authstore.ErrBrokenChain)
	}
	l.ended = true
	return nil
}

// formatOf returns what a line says that it is, or "" for a record.
func formatOf(line []byte) string {
	var named struct {
		Format string `json:"usher"`
	}
	if json.Unmarshal(line, &named) != nil {
		return ""
	}
	return named.Format
}

// readRecord reads a record that has nothing beside what its hash is made over.
func readRecord(line []byte) (record authstore.ConsentRecord, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&record); err != nil {
		return record, fmt.Errorf("not a consent record: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return record, errors.New("not a consent record: something follows it")
	}
	return record, nil
}
