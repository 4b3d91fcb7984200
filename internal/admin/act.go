// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/usher-sso/usher/authstore"
)

// Act is one thing that can be done for a publisher.
type Act struct {
	Name    string     // as the audit log has it, such as "customer.disable"
	Method  string     // GET for what changes nothing and exports nothing, else POST
	Path    string     // below the publisher, with parameters in braces: "customers/{customerId}/disable"
	Summary string     // one line for the API's description
	Needs   Permission // of the actor
	StepUp  bool       // staff must have proved lately who they are
	Exports string     // media type of what it gives, for one whose output is a Download

	in, out reflect.Type
	run     func(s *Service, ctx context.Context, c *call, in any) (any, error)
}

// Input and Output return the types of what an act takes and gives.
func (a *Act) Input() reflect.Type  { return a.in }
func (a *Act) Output() reflect.Type { return a.out }

// Reads tells whether an act only shows something: such acts leave no entry in the
// audit log.
func (a *Act) Reads() bool { return a.Method == "GET" }

// define completes an act by the function that does it.
func define[In, Out any](a Act, fn func(s *Service, ctx context.Context, c *call, in In) (Out, error)) *Act {
	a.in, a.out = reflect.TypeFor[In](), reflect.TypeFor[Out]()
	a.run = func(s *Service, ctx context.Context, c *call, in any) (any, error) { return fn(s, ctx, c, in.(In)) }
	return &a
}

// None is the input, or the output, of an act that has none.
type None struct{}

// Download is the output of an act that exports. Write may take long; it is called
// once, after the act was logged.
type Download struct {
	Name  string // of the file
	Write func(ctx context.Context, w io.Writer) error
}

// Acts returns all acts.
func Acts() []*Act { return acts }

// ActNamed returns the act with a name, or nil.
func ActNamed(name string) *Act {
	for _, a := range acts {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Place is where an act is done.
type Place struct {
	Publisher string                   // its id
	Param     func(name string) string // the parameters of the act's path
}

// call is one act under way.
type call struct {
	act       *Act
	actor     Actor
	publisher authstore.Publisher
	place     Place
	service   *Service
	entry     authstore.AuditEntry // in the audit log; without an id until it is written
}

// Do does an act. Its input is a JSON object, see Act.Input; what the act does not
// take is refused. Errors: ErrForbidden, ErrStepUp, ErrNotFound, ErrDeclared,
// ErrChanged, *InvalidError, *customer.LimitError, customer.ErrBusy.
func (s *Service) Do(ctx context.Context, a Actor, act *Act, at Place, input []byte) (any, error) {
	c, err := s.begin(a, act, at)
	if err != nil {
		return nil, err
	}
	in := reflect.New(act.in)
	if err := decode(input, in.Interface()); err != nil {
		return nil, err
	}
	out, err := act.run(s, ctx, c, in.Elem().Interface())
	if err != nil {
		return nil, err
	}
	if !act.Reads() && c.entry.ID == "" {
		return nil, fmt.Errorf("%s was done without an entry in the audit log", act.Name)
	}
	if d, ok := out.(Download); ok {
		return c.watch(d), nil
	}
	return out, nil
}

// watch notes in the audit log when an export breaks off.
func (c *call) watch(d Download) Download {
	write := d.Write
	d.Write = func(ctx context.Context, w io.Writer) error {
		err := write(ctx, w)
		if err == nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
		defer cancel()
		return errors.Join(err, c.service.Store.AuditFailed(ctx, c.entry, "the export broke off"))
	}
	return d
}

// begin judges whether an actor may do an act at a place.
func (s *Service) begin(a Actor, act *Act, at Place) (*call, error) {
	id, err := strconv.ParseInt(at.Publisher, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != at.Publisher {
		return nil, ErrForbidden
	}
	p, ok := s.Directory.ByID(id)
	if !ok || !a.may(act.Needs, id) {
		return nil, ErrForbidden
	}
	if act.StepUp && a.Staff != nil && !s.Staff.SteppedUp(*a.Session) {
		return nil, ErrStepUp
	}
	return &call{act: act, actor: a, publisher: p, place: at, service: s}, nil
}

// detail is what an entry of the audit log says beside who, what and when. It
// holds nothing that an erased customer would want gone, and no secret.
type detail map[string]string

// do does what an act is for, after writing that down. When it fails, that is
// noted, too.
func (c *call) do(ctx context.Context, target string, d detail, fn func() error) error {
	entry, err := c.log(ctx, target, d)
	if err != nil {
		return err
	}
	if err := fn(); err != nil {
		return c.failed(ctx, entry, err)
	}
	return nil
}

// log writes the act into the audit log.
func (c *call) log(ctx context.Context, target string, d detail) (authstore.AuditEntry, error) {
	id, name := c.actor.name()
	for k, v := range d {
		if r := []rune(v); len(r) > maxAudited {
			d[k] = string(r[:maxAudited]) + "…"
		}
	}
	entry, err := c.service.Store.Audit(ctx, authstore.AuditEntry{
		PublisherID: c.publisher.ID, Actor: id, ActorName: name, Act: c.act.Name, Target: target, Detail: d, IP: c.actor.IP,
	})
	if err != nil {
		return entry, fmt.Errorf("writing the audit log: %w", err)
	}
	c.entry = entry
	return entry, nil
}

// failed notes in the audit log that an act was not done, and returns why.
func (c *call) failed(ctx context.Context, entry authstore.AuditEntry, err error) error {
	why := "internal error"
	if known(err) {
		why = err.Error()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logTime)
	defer cancel()
	return errors.Join(err, c.service.Store.AuditFailed(ctx, entry, why))
}

// decode reads an act's input into a struct, which must have all that is given.
func decode(input []byte, into any) error {
	if len(input) == 0 {
		input = []byte("{}")
	}
	if err := strict(input, reflect.TypeOf(into).Elem()); err != nil {
		return err
	}
	if err := json.Unmarshal(input, into); err != nil {
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			return invalid
		}
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return &InvalidError{wrong.Field, "has the wrong type; write " + article(wrong.Type)}
		}
		return &InvalidError{"", "the input is not a JSON object that this takes"}
	}
	return nil
}

func article(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}
