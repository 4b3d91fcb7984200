// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package openapitest

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// checkExamples holds the examples of all bodies to their schemas.
func (d *Document) checkExamples() error {
	var all []error
	for path, item := range d.model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			name := operationName(method, path)
			if operation.RequestBody != nil {
				for _, media := range operation.RequestBody.Content.FromOldest() {
					all = append(all, checkMedia(name+", request", media))
				}
			}
			for status, answer := range operation.Responses.Codes.FromOldest() {
				for _, media := range answer.Content.FromOldest() {
					all = append(all, checkMedia(name+", status "+status, media))
				}
			}
		}
	}
	return errors.Join(all...)
}

func checkMedia(where string, media *v3.MediaType) error {
	var values []any
	decode := func(from interface{ Decode(any) error }) error {
		var v any
		err := from.Decode(&v)
		values = append(values, v)
		return err
	}
	if media.Example != nil {
		if err := decode(media.Example); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	for name, example := range media.Examples.FromOldest() {
		if err := decode(example.Value); err != nil {
			return fmt.Errorf("%s, example %s: %w", where, name, err)
		}
	}
	for _, v := range values {
		body, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		check := schema_validation.NewSchemaValidator(config.WithFormatAssertions())
		if _, problems := check.ValidateSchemaBytes(media.Schema.Schema(), body); len(problems) > 0 {
			return fmt.Errorf("%s: example %s: %w", where, body, join(problems))
		}
	}
	return nil
}
