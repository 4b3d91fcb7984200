// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package adminapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/usher-sso/usher/internal/admin"
)

// object is a JSON object of the description.
type object = map[string]any

// Describe returns an OpenAPI 3.1 description with the acts added to it. Errors
// tell that the description is not JSON.
func Describe(document []byte) ([]byte, error) {
	var d object
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("reading the API's description: %w", err)
	}
	components, paths := d["components"].(object), d["paths"].(object)
	schemas := schemas{components["schemas"].(object)}
	d["tags"] = append(d["tags"].([]any), object{"name": "dashboard", "description": dashboard})
	components["securitySchemes"].(object)["staffSession"] = object{
		"type": "apiKey", "in": "cookie", "name": "__Host-usher-staff",
		"description": "The session of a staff member who is signed in at the dashboard, with everything that is asked of them if nothing else is said. Requests that change something must come from a page of the hub's.",
	}
	schemas.add(reflect.TypeFor[failure]())
	add := func(path, method string, operation object) {
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(method)] = operation
	}
	for _, act := range admin.Acts() {
		add(Prefix+"{publisherId}/"+act.Path, act.Method, schemas.operation(act))
	}
	for _, act := range admin.OwnActs() {
		add(Prefix+act.Path, act.Method, schemas.ownOperation(act))
	}
	return json.MarshalIndent(d, "", "  ")
}

const dashboard = "What staff do in the dashboard, at the hub only. Everything that is done is written to the publisher's audit log first. " +
	"An act needs a role, which its description names; an API token may do all but what needs the role owner. " +
	"What members do with their own accounts needs no role, no API token may do it, and it is written to the logs of all their publishers. " +
	"What lets somebody in, or proves anew who they are, answers with the cookie of the session, which has another value from then on."

// schemas are the components of a description.
type schemas struct{ all object }

var braces = regexp.MustCompile(`\{(\w+)\}`)

// bySession says that an operation needs a member of the staff.
var bySession = []object{{"staffSession": []string{}}}

func (s schemas) operation(act *admin.Act) object {
	security := bySession
	if act.Needs != admin.Own {
		security = append(security[:1:1], object{"publisherToken": []string{}})
	}
	return s.asked(act, roles(act)+confirmed(act), security, object{"$ref": "#/components/parameters/PublisherId"})
}

func (s schemas) ownOperation(act *admin.OwnAct) object {
	security := bySession
	if act.From == admin.Anybody {
		security = []object{}
	}
	op := s.asked(&act.Act, "For "+string(act.From)+"."+confirmed(&act.Act), security)
	delete(op["responses"].(object), "409") // nobody else changes it
	return op
}

// asked describes an act by whom it may be done and what it takes.
func (s schemas) asked(act *admin.Act, description string, security []object, parameters ...object) object {
	op := object{
		"operationId": "admin." + act.Name, "tags": []string{"dashboard"}, "summary": act.Summary, "description": description,
		"security": security, "responses": s.responses(act),
	}
	for _, m := range braces.FindAllStringSubmatch(act.Path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	switch in := act.Input(); {
	case act.Reads():
		for _, f := range fields(in) {
			parameters = append(parameters, object{"name": f.name, "in": "query", "schema": s.schema(f.Type)})
		}
	case in != reflect.TypeFor[admin.None]():
		op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": s.input(in)}}}
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	return op
}

// roles says who may do an act.
func roles(act *admin.Act) string {
	roles := []string{}
	for _, r := range admin.Needed(act.Needs) {
		roles = append(roles, string(r))
	}
	return "For the roles " + strings.Join(roles, ", ") + "."
}

// confirmed says whether staff must prove who they are.
func confirmed(act *admin.Act) string {
	if act.StepUp {
		return " Staff must have confirmed who they are in the last ten minutes."
	}
	return ""
}

// statuses are those of failures that any act may have.
var statuses = map[int]string{
	http.StatusUnauthorized: "Nobody is signed in, or the token is not one.", http.StatusForbidden: "The role does not allow it, or a confirmation is needed or wrong, or the request comes from elsewhere.",
	http.StatusUnprocessableEntity: "The input is not right; `field` names what.",
}

func (s schemas) responses(act *admin.Act) object {
	all := object{}
	for status, text := range statuses {
		all[strconv.Itoa(status)] = s.failure(text)
	}
	if !act.Reads() || strings.Contains(act.Path, "{") {
		all["404"] = s.failure("What the act is about is not there.")
	}
	if !act.Reads() {
		all["409"] = s.failure("The server's configuration says it, or somebody else has changed it meanwhile.")
		all["415"] = s.failure("The body is not JSON.")
		all["429"] = s.failure("Too often. Retry-After says when.")
	}
	all["500"] = s.failure("Something went wrong here.")
	all["503"] = s.failure("The server is busy, or cannot reach its store. Retry-After says when to try again.")
	all["421"] = s.failure("The host is not the hub.")
	content := object{act.Exports: object{}}
	if act.Exports == "" {
		content = object{"application/json": object{"schema": object{
			"type": "object", "required": []string{"responseData", "errors"},
			"properties": object{"responseData": s.schema(act.Output()), "errors": object{"type": "array", "maxItems": 0}},
		}}}
	}
	all["200"] = object{"description": act.Summary + ": done.", "content": content}
	return all
}

func (s schemas) failure(text string) object {
	return object{"description": text, "content": object{"application/json": object{"schema": s.schema(reflect.TypeFor[failure]())}}}
}

// field is a member of an object.
type field struct {
	reflect.StructField
	name     string
	optional bool // left out when it is empty
}

func fields(t reflect.Type) (list []field) {
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "" && name != "-" {
			list = append(list, field{f, name, strings.HasPrefix(options, "omit")})
		}
	}
	return list
}

// texts are the types that are written as texts.
var texts = map[reflect.Type]object{
	reflect.TypeFor[time.Time]():    {"type": "string", "format": "date-time"},
	reflect.TypeFor[admin.Day]():    {"type": "string", "description": "A day, such as 2026-01-31; empty for none."},
	reflect.TypeFor[admin.Moment](): {"type": "string", "description": "A day, such as 2026-01-31, or a time of RFC 3339; empty for none."},
	reflect.TypeFor[admin.Span]():   {"type": "string", "description": "A length of time, such as 90s, 15m, 12h or 100d."},
}

// schema describes what is answered, or a member of what is sent.
func (s schemas) schema(t reflect.Type) object {
	if text, ok := texts[t]; ok {
		return text
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.schema(t.Elem())}
	case reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return object{}
		}
		return object{"type": "array", "items": s.schema(t.Elem())}
	}
	s.add(t)
	return object{"$ref": "#/components/schemas/" + named(t)}
}

// named returns what the description calls a type.
func named(t reflect.Type) string { return "Admin" + strings.ToUpper(t.Name()[:1]) + t.Name()[1:] }

// add describes an object that is answered, of which all members are there.
func (s schemas) add(t reflect.Type) {
	if s.all[named(t)] != nil {
		return
	}
	d := object{"type": "object"}
	s.all[named(t)] = d
	required, properties := []string{}, object{}
	for _, f := range fields(t) {
		properties[f.name] = s.schema(f.Type)
		if !f.optional {
			required = append(required, f.name)
		}
	}
	d["properties"], d["required"] = properties, required
}

// input describes an object that is sent, of which all members may be left out and
// no other is taken.
func (s schemas) input(t reflect.Type) object {
	properties := object{}
	for _, f := range fields(t) {
		properties[f.name] = s.member(f.Type)
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// member is input for what is inside an object that is sent.
func (s schemas) member(t reflect.Type) object {
	switch {
	case texts[t] != nil:
		return texts[t]
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return object{"type": "array", "items": s.input(t.Elem())}
	}
	return s.schema(t)
}
