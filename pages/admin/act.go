// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"

	acts "github.com/usher-sso/usher/internal/admin"
	"github.com/usher-sso/usher/internal/staff"
)

const (
	// maxForm bounds what a form sends; the largest has a picture.
	maxForm = 256 << 10

	// maxFile bounds a file, whose digits in base64 are twice in memory.
	maxFile = 64 << 10
)

// errForm says that what was sent is no form.
var errForm = errors.New("what was sent is no form")

// do answers forms that ask for an act. Whatever the act, its form is the act's
// input, and what follows is one of the outcomes.
func (d *Desk) do(a *acts.Act) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !d.Service.SameOrigin(r) {
			(&visit{desk: d, w: w, r: r}).fail(acts.ErrOrigin)
			return
		}
		v := d.arrive(w, r)
		if v == nil {
			return
		}
		err := v.enter()
		if err == nil {
			v.form, err = readForm(w, r)
		}
		if err == nil && a.StepUp && v.form.Has(confirmPassword) {
			err = v.stepUp()
		}
		if err == nil {
			v.out, err = v.ask(a)
		}
		if err != nil {
			v.refuse(a, err)
			return
		}
		v.follow(a)
	}
}

// ask does an act with the visit's form.
func (v *visit) ask(a *acts.Act) (any, error) {
	input, err := a.FromForm(v.form)
	if err != nil {
		return nil, &failure{a, err}
	}
	out, err := v.desk.Service.Do(v.r.Context(), v.actor, a, v.place(), input)
	if err != nil {
		return nil, &failure{a, err}
	}
	return out, nil
}

// follow answers after an act that was done.
func (v *visit) follow(a *acts.Act) {
	if download, ok := v.out.(acts.Download); ok {
		a.SetHeaders(v.w.Header(), download)
		if err := download.Write(v.r.Context(), v.w); err != nil {
			v.desk.Report(v.r, fmt.Errorf("sending what %s gives: %w", a.Name, err))
			panic(http.ErrAbortHandler) // so that nobody takes a part for the whole
		}
		return
	}
	o := v.desk.outcomes[a.Name]
	path := cmp.Or(o.then, v.formPage(o))
	if !o.once {
		http.Redirect(v.w, v.r, address(v.r, path)+"?"+doneParam+"="+url.QueryEscape(a.Name), http.StatusSeeOther)
		return
	}
	v.chrome.Notice = o.says
	v.show(v.desk.pages[path])
}

// formPage returns the path of the page whose form was sent.
func (v *visit) formPage(o outcome) string {
	if o.choose != nil {
		return o.choose(v)
	}
	return o.page
}

// refuse answers after an act that was not done. Where the form was filled in
// wrongly, its page comes again, with everything as it was sent.
func (v *visit) refuse(a *acts.Act, err error) {
	var invalid *acts.InvalidError
	switch {
	case errors.Is(err, acts.ErrStepUp), errors.Is(err, staff.ErrConfirmation):
		v.demandStepUp(a, err)
	case errors.As(err, &invalid):
		v.status = http.StatusUnprocessableEntity
		v.chrome.Refused = &Refused{Action: v.r.URL.Path, Values: v.form, Field: invalid.Field, Sentence: invalid.Sentence}
		v.show(v.desk.pages[v.formPage(v.desk.outcomes[a.Name])])
	default:
		v.fail(err)
	}
}

// The fields in which a member proves again who they are, beside those of the act's
// own form.
const (
	confirmPassword = "confirm.password"
	confirmCode     = "confirm.code"
)

// demandStepUp asks who the member is, with a form that holds what was sent, so that
// nothing has to be typed twice.
func (v *visit) demandStepUp(a *acts.Act, err error) {
	view := &StepUp{
		Chrome: v.chrome, Action: v.r.URL.Path, Why: clause(a.Summary), CodeNeeded: len(v.actor.Staff.TOTP) > 0,
		Back: address(v.r, v.formPage(v.desk.outcomes[a.Name])),
	}
	if errors.Is(err, staff.ErrConfirmation) {
		view.Error = "The password or the code is wrong."
	}
	for _, name := range slices.Sorted(maps.Keys(v.form)) {
		for _, value := range v.form[name] {
			view.Hidden = append(view.Hidden, Pair{name, value})
		}
	}
	v.desk.Renderer.Show(v.w, http.StatusForbidden, view)
}

// stepUp takes from the form who the member says to be, and renews their session.
// Errors: staff.ErrConfirmation, *customer.LimitError, customer.ErrBusy.
func (v *visit) stepUp() error {
	password, code := v.form.Get(confirmPassword), v.form.Get(confirmCode)
	v.form.Del(confirmPassword)
	v.form.Del(confirmCode)
	s := v.desk.Service
	proof, err := s.StepUp(v.r.Context(), *v.actor.Staff, *v.actor.Session, password, code, s.Device(v.r))
	if err != nil {
		return err
	}
	m, session, err := s.Staff.Authenticate(v.r.Context(), proof)
	if err != nil {
		return err
	}
	s.Remember(v.w, proof)
	v.act(acts.Actor{Staff: &m, Session: &session, IP: v.actor.IP})
	return nil
}

// readForm returns what a form has sent. A file is in base64.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	err := error(nil)
	switch kind {
	case "multipart/form-data":
		err = r.ParseMultipartForm(maxForm) // so much that nothing is written to disk
	default:
		err = r.ParseForm()
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, large
	}
	if err != nil {
		return nil, errForm
	}
	form := r.PostForm
	if r.MultipartForm == nil {
		return form, nil
	}
	for name, files := range r.MultipartForm.File {
		for _, file := range files {
			content, err := readFile(name, file)
			if err != nil {
				return form, err
			}
			form.Add(name, content)
		}
	}
	return form, nil
}

// readFile returns a file in base64.
func readFile(name string, file *multipart.FileHeader) (string, error) {
	switch {
	case file.Size == 0:
		return "", &acts.InvalidError{Field: name, Sentence: "is missing; choose a file"}
	case file.Size > maxFile:
		return "", &acts.InvalidError{Field: name, Sentence: "is larger than 64 KiB; choose a smaller file"}
	}
	f, err := file.Open()
	if err != nil {
		return "", errForm
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		return "", errForm
	}
	return base64.StdEncoding.EncodeToString(content), nil
}
