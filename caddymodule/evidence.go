// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package caddymodule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/usher-sso/usher/authstore"
)

const (
	// evidenceTitle is the member "usher" of the header that a file of evidence
	// may begin with.
	evidenceTitle = "consent evidence"

	// maxEvidenceLine bounds a line, in bytes. A record is a value of the store,
	// which is smaller.
	maxEvidenceLine = 128 << 10
)

// verifyEvidence reads consent records, one JSON object a line, and checks the
// chains that they make. The records of a customer come one after the other, so
// that one record is remembered at a time, however many there are. It writes what
// it found. Errors: authstore.ErrBrokenChain, with line, customer and sequence.
func verifyEvidence(r io.Reader, w io.Writer) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvidenceLine)
	var last authstore.ConsentRecord
	answers, customers := 0, 0
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || n == 1 && isHeader(line) {
			continue
		}
		record, err := readRecord(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if record.CustomerID != last.CustomerID || answers == 0 {
			last = authstore.ConsentRecord{}
			customers++
		}
		if err := record.CheckLink(last); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		last = record
		answers++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the evidence: %w", err)
	}
	if answers == 0 {
		return errors.New("there is no evidence in the file; export it again")
	}
	_, err := fmt.Fprintf(w, "%d answers of %d customers: every chain verifies\n", answers, customers)
	return err
}

func isHeader(line []byte) bool {
	var header struct {
		Usher string `json:"usher"`
	}
	return json.Unmarshal(line, &header) == nil && header.Usher == evidenceTitle
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
