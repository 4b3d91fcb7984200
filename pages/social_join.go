// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"errors"
	"net/http"

	"github.com/usher-sso/usher/authstore"
	"github.com/usher-sso/usher/internal/customer"
	"github.com/usher-sso/usher/internal/social"
)

// joinPath is where somebody who has signed in elsewhere tells what is missing before
// they have an account here.
const joinPath = "/join"

// joining is what is missing of somebody.
type joining struct {
	token string
	asked []authstore.ConsentDefinition // those in the view, in its order
	proof bool
	view  Join
}

// joins runs fn for somebody who is about to join; others are offered to sign
// in, or led on where they are.
func (h *Hub) joins(w http.ResponseWriter, r *http.Request, v visit, fn func(joining) error) error {
	token := h.cookie(r, joinCookie)
	j, err := h.Social.Joining(r.Context(), v.publisher, token)
	if err == nil {
		var step joining
		if step, err = h.joiningView(v, token, j); err == nil {
			err = fn(step)
		}
	}
	if errors.Is(err, social.ErrJoin) || errors.Is(err, social.ErrClosed) {
		h.cookies().Clear(w.Header(), joinCookie)
		if errors.Is(err, social.ErrClosed) {
			return h.elsewhereFailed(r, v, nil, social.Enter, err)
		}
		if _, err := h.signedIn(r.Context(), r, v.publisher); err == nil { // it has ended well before
			redirect(w, v.next())
			return nil
		}
		d := v.dead("join", http.StatusGone)
		d.offer(h, v)
		return d
	}
	return err
}

func (h *Hub) joiningView(v visit, token string, j social.Joining) (joining, error) {
	name := j.Person.Provider
	if p, ok := h.Social.Provider(v.publisher.ID, name); ok {
		name = p.Called()
	}
	boxes, err := consentBoxes(v, j.Consents, func(d authstore.ConsentDefinition) bool { return d.EnabledByDefault })
	return joining{token, j.Consents, j.Proof, Join{
		Chrome: h.chrome(v), FormAction: v.to(joinPath), CancelAction: v.to(joinPath + "/cancel"), CodeAction: v.to(joinPath + "/code"),
		Provider: name, Email: j.Email, NeedEmail: j.NeedEmail, Consents: boxes,
		Proof: j.Proof, Hidden: verifiedFirst(v.publisher), Sent: j.Sent, ForgotURL: v.to("/forgot"),
	}}, err
}

func (h *Hub) askJoin(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.joins(w, r, v, func(j joining) error {
		if j.proof && j.view.Sent && r.URL.Query().Get("done") == "sent" {
			j.view.Notice = v.say("join.sent", "Email", j.view.Email)
		}
		h.Renderer.Join(w, http.StatusOK, j.view)
		return nil
	})
}

// join takes what was missing: an address and consents, or a proof that an account with
// that address is the viewer's.
func (h *Hub) join(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.joins(w, r, v, func(j joining) error {
		if j.proof {
			return h.joinProved(w, r, v, j)
		}
		return h.joinCompleted(w, r, v, j)
	})
}

func (h *Hub) joinCompleted(w http.ResponseWriter, r *http.Request, v visit, j joining) error {
	answers, complete := ticked(r, v, j.view.Consents, j.asked)
	c := social.Completion{Answers: answers, Profile: h.guess(r, v)}
	if j.view.NeedEmail {
		j.view.Email = r.PostForm.Get("email")
		c.Email = j.view.Email
		if _, err := customer.ParseEmail(c.Email); err != nil {
			j.view.EmailError, complete = v.say("form.email.invalid"), false
		}
	}
	if !complete {
		h.Renderer.Join(w, http.StatusUnprocessableEntity, j.view)
		return nil
	}
	from, err := h.arrival(r, v)
	if err != nil {
		return err
	}
	out, err := h.Social.Complete(r.Context(), v.publisher, j.token, c, from)
	if err != nil {
		return h.refuseJoin(w, v, j.view, err)
	}
	return h.outcome(w, r, v, out)
}

func (h *Hub) joinProved(w http.ResponseWriter, r *http.Request, v visit, j joining) error {
	from, err := h.arrival(r, v)
	if err != nil {
		return err
	}
	var e customer.Entry
	byCode := r.PostForm.Has("code")
	if byCode {
		e, err = h.Social.ProveByCode(r.Context(), v.publisher, j.token, r.PostForm.Get("code"), from)
	} else {
		e, err = h.Social.ProveByPassword(r.Context(), v.publisher, j.token, r.PostForm.Get("password"), from)
	}
	switch {
	case err == nil:
		return h.letIn(w, r, v, e)
	case errors.Is(err, customer.ErrConfirmation) && byCode:
		j.view.Sent, j.view.CodeError = true, v.say("code.wrong")
	case errors.Is(err, customer.ErrConfirmation):
		j.view.PasswordError = v.say("join.password.wrong")
	default:
		return h.refuseJoin(w, v, j.view, err)
	}
	h.Renderer.Join(w, http.StatusUnprocessableEntity, j.view)
	return nil
}

// refuseJoin shows the form again with what is wrong in it; other errors are returned.
func (h *Hub) refuseJoin(w http.ResponseWriter, v visit, view Join, err error) error {
	var limit *customer.LimitError
	switch {
	case errors.Is(err, customer.ErrEmail):
		view.EmailError = v.say("form.email.invalid")
		h.Renderer.Join(w, http.StatusUnprocessableEntity, view)
	case errors.As(err, &limit):
		view.Error = limitSentence(v, limit)
		retryAfter(w, limit.RetryAfter)
		h.Renderer.Join(w, http.StatusTooManyRequests, view)
	default:
		return err
	}
	return nil
}

// joinCode has a code mailed to the address that is to be proved.
func (h *Hub) joinCode(w http.ResponseWriter, r *http.Request, v visit) error {
	return h.joins(w, r, v, func(j joining) error {
		if !j.proof {
			redirect(w, v.to(joinPath))
			return nil
		}
		if err := h.Social.SendCode(r.Context(), v.publisher, j.token, viewerIP(r)); err != nil {
			return h.refuseJoin(w, v, j.view, err)
		}
		redirect(w, with(v.to(joinPath), "done", "sent"))
		return nil
	})
}

// leaveJoin forgets who was about to join.
func (h *Hub) leaveJoin(w http.ResponseWriter, _ *http.Request, v visit) error {
	h.cookies().Clear(w.Header(), joinCookie)
	redirect(w, h.allWays(v))
	return nil
}

// Join asks somebody who has signed in elsewhere for what is missing: an address as the
// field "email" and one checkbox for each consent; or, where the address has an account,
// its password as the field "password" or a mailed code as the field "code", which are
// forms of their own.
type Join struct {
	Chrome

	FormAction   string // where the forms post to, with their query
	CancelAction string // where the button that gives up posts to
	CodeAction   string // where the button that has a code mailed posts to

	Provider   string // what viewers know the place by where they have signed in
	Email      string // theirs, or what was typed before
	NeedEmail  bool
	EmailError string // one sentence below the address
	Consents   []Consent
	Error      string // one sentence about the whole form
	Notice     string // one sentence that is no error

	Proof         bool   // a proof is missing, and nothing else
	Hidden        bool   // nobody is told whether the address has an account
	Sent          bool   // a code was mailed
	PasswordError string // one sentence below the password
	CodeError     string // one sentence below the code
	ForgotURL     string // "" hides the way to a new password
}

func (v *Join) faults() []fault {
	if v.Proof {
		return fields("password", v.PasswordError, "code", v.CodeError)
	}
	return append(fields("email", v.EmailError), consentFaults(v.Consents)...)
}

// Join writes the page that asks for what is missing.
func (r *Renderer) Join(w http.ResponseWriter, status int, v Join) {
	r.write(w, status, "join", &v)
}
