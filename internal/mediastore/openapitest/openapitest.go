// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// Package openapitest holds HTTP traffic to an OpenAPI description, in tests:
// what is answered must be described, and what is answered with success must
// have been asked as described. It is the only importer of libopenapi.
package openapitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	failed "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/paths"
	"github.com/pb33f/libopenapi/datamodel"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// Document is a description that was read and found valid. Safe for
// concurrent use.
type Document struct {
	model   *v3.Document
	options *config.ValidationOptions

	mu        sync.Mutex          // the library renders schemas as it goes, which must not happen twice at once
	validator validator.Validator // guarded by mu
}

// Read reads a description of OpenAPI 3.1 in JSON. It refuses one that breaks
// the rules of the specification, or whose examples do not fit their schemas.
func Read(document []byte) (*Document, error) {
	quiet := datamodel.NewDocumentConfiguration()
	quiet.Logger = slog.New(slog.DiscardHandler) // errors are returned
	parsed, err := libopenapi.NewDocumentWithConfiguration(document, quiet)
	if err != nil {
		return nil, fmt.Errorf("reading the description: %w", err)
	}
	model, err := parsed.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("resolving the description: %w", err)
	}
	v, errs := validator.NewValidator(parsed, config.WithFormatAssertions())
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		return nil, fmt.Errorf("the description is not valid: %w", join(problems))
	}
	d := &Document{model: &model.Model, options: config.NewValidationOptions(), validator: v}
	return d, d.checkExamples()
}

// Operations returns the statuses that are described for each operation, which
// is a method and a path as Go's ServeMux writes them: "GET /locales".
func (d *Document) Operations() map[string][]int {
	all := map[string][]int{}
	for path, item := range d.model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			name := operationName(method, path)
			all[name] = nil
			for code := range operation.Responses.Codes.FromOldest() {
				if status, err := strconv.Atoi(code); err == nil {
					all[name] = append(all[name], status)
				}
			}
			slices.Sort(all[name])
		}
	}
	return all
}

// Operation returns the operation that a request is for, or "".
func (d *Document) Operation(r *http.Request) string {
	_, problems, path := paths.FindPath(r, d.model, d.options)
	if len(problems) > 0 || path == "" {
		return ""
	}
	return operationName(r.Method, path)
}

// CheckRequest returns what the description has against a request, and nil if
// that is nothing. The body can be read again afterwards.
func (d *Document) CheckRequest(r *http.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, problems := d.validator.ValidateHttpRequestSync(r)
	return join(problems)
}

// CheckResponse is CheckRequest for the answer to a request.
func (d *Document) CheckResponse(r *http.Request, a *http.Response) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, problems := d.validator.ValidateHttpResponse(r, a)
	return join(problems)
}

// Sight is an operation and the status of an answer.
type Sight struct {
	Operation string
	Status    int
}

// Recorder is a transport that judges what passes through it. Requests for
// what is not described pass without judgement. Safe for concurrent use.
type Recorder struct {
	document *Document
	next     http.RoundTripper

	mu       sync.Mutex
	seen     map[Sight]int // guarded by mu
	problems []error       // guarded by mu
}

var errNoBody = errors.New("the answer has no body")

// Record returns a Recorder in front of a transport.
func (d *Document) Record(next http.RoundTripper) *Recorder {
	return &Recorder{document: d, next: next, seen: map[Sight]int{}}
}

// RoundTrip implements http.RoundTripper.
func (c *Recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := drain(&r.Body)
	if err != nil {
		return nil, err
	}
	a, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := drain(&a.Body)
	if err != nil {
		return nil, err
	}
	if operation := c.document.Operation(r); operation != "" {
		r := r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(sent))
		err := c.judge(r, a)
		if len(got) == 0 {
			err = errors.Join(err, errNoBody) // the library passes over it
		}
		c.note(Sight{operation, a.StatusCode}, err)
	}
	a.Body = io.NopCloser(bytes.NewReader(got))
	return a, nil
}

// drain reads a body and puts another in its place that reads the same.
func drain(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	defer (*body).Close()
	b, err := io.ReadAll(*body)
	*body = io.NopCloser(bytes.NewReader(b))
	return b, err
}

// judge returns what is wrong with an answer, or with the request for one that
// is no refusal.
func (c *Recorder) judge(r *http.Request, a *http.Response) error {
	err := c.document.CheckResponse(r, a)
	if a.StatusCode < http.StatusBadRequest {
		err = errors.Join(err, c.document.CheckRequest(r))
	}
	return err
}

func (c *Recorder) note(s Sight, problem error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[s]++
	if problem != nil {
		c.problems = append(c.problems, fmt.Errorf("%s, status %d: %w", s.Operation, s.Status, problem))
	}
}

// Seen returns how often each status of each operation was seen.
func (c *Recorder) Seen() map[Sight]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := map[Sight]int{}
	for s, n := range c.seen {
		seen[s] = n
	}
	return seen
}

// Problems returns what was found so far, and forgets it.
func (c *Recorder) Problems() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.problems
	c.problems = nil
	return found
}

// operationName is a method and a path as ServeMux writes them.
func operationName(method, path string) string { return strings.ToUpper(method) + " " + path }

func join(problems []*failed.ValidationError) error {
	var all []error
	for _, p := range problems {
		all = append(all, p)
	}
	return errors.Join(all...)
}

// Interface guard
var _ http.RoundTripper = (*Recorder)(nil)
