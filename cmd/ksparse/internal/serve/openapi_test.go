package serve

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// openAPI is what the tests read of an OpenAPI description.
type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Security    []map[string][]string
		RequestBody struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Content map[string]any
		}
	}
	Components struct {
		Schemas   map[string]struct{ Example json.RawMessage }
		Responses map[string]any
	}
}

// describe reads the description that the server gives.
func describe(t *testing.T, s *Server) openAPI {
	t.Helper()
	var d openAPI
	w := ask(s, "GET", "/openapi.json", "")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != jsonType {
		t.Fatalf("%d, error %v", w.Code, err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI version %q", d.OpenAPI)
	}
	return d
}

// TestDescribed: the description has the server's routes, all of them and no others, says which
// need a token, and each reference in it leads somewhere.
func TestDescribed(t *testing.T) {
	d := describe(t, server(t, plain(t), Options{}))
	var want, got []string
	for _, rt := range routes {
		want = append(want, rt.method+" "+rt.path)
		o := d.Paths[rt.path][strings.ToLower(rt.method)]
		if open := o.Security != nil && len(o.Security) == 0; open != rt.open {
			t.Errorf("%s: described as open %v, is %v", rt.path, open, rt.open)
		}
		if _, described := o.Responses["401"]; described == rt.open {
			t.Errorf("%s: 401 described %v", rt.path, described)
		}
		kinds := map[bool]int{true: 2}[rt.place]
		if rt.path == "/search" {
			kinds = 1
		}
		if body := len(o.RequestBody.Content); body != kinds {
			t.Errorf("%s: %d kinds of bodies, want %d", rt.path, body, kinds)
		}
	}
	ids := make(map[string]bool)
	for path, methods := range d.Paths {
		for method, o := range methods {
			got = append(got, strings.ToUpper(method)+" "+path)
			if ids[o.OperationID] || o.OperationID == "" {
				t.Errorf("%s: operationId %q", path, o.OperationID)
			}
			ids[o.OperationID] = true
			for status, r := range o.Responses {
				name := strings.TrimPrefix(r.Ref, "#/components/responses/")
				if _, found := d.Components.Responses[name]; status != "200" && (!found || name != status) {
					t.Errorf("%s %s: there is no %q", path, status, r.Ref)
				}
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("described are %q, want %q", got, want)
	}
	for _, part := range strings.Split(string(description), `"#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if _, found := d.Components.Schemas[name]; !found {
			t.Errorf("there is no schema %q", name)
		}
	}
}

// TestDescribedAnswers: every status and type that the server is brought to give is described,
// and the examples of the description are bodies that it takes.
func TestDescribedAnswers(t *testing.T) {
	s := server(t, plain(t), Options{MaxRows: 2, Index: someRows()})
	describedAnswers(t, s)
	describedAnswers(t, server(t, plain(t), Options{MaxRows: 2}))
	d := describe(t, s)
	for _, path := range []string{"/encode", "/decode", "/reconstruct", "/search"} {
		name := strings.TrimPrefix(d.Paths[path]["post"].RequestBody.Content[jsonType].Schema.Ref, "#/components/schemas/")
		// The example has other sizes than this model: what is wrong with it must not be its form.
		w := post(s, path, string(d.Components.Schemas[name].Example))
		if w.Code != 200 && !strings.Contains(w.Body.String(), "row 0 has") {
			t.Errorf("%s of the example %s: %d %s", path, d.Components.Schemas[name].Example, w.Code, w.Body)
		}
	}
}

// describedAnswers checks that what s answers is described.
func describedAnswers(t *testing.T, s *Server) {
	t.Helper()
	d := describe(t, s)
	for _, rt := range routes {
		method := strings.ToLower(rt.method)
		o := d.Paths[rt.path][method]
		kinds := []string{""}
		if rt.place {
			kinds = slices.Sorted(maps.Keys(o.RequestBody.Content))
		}
		for _, kind := range append(kinds, "text/plain") {
			for _, body := range []string{"", "{", `{"rows":[[1,2]]}`, `{"rows":[[1,2]],"by":"code"}`, words(1., 2.), words(1, 1, 0, 2.), `{"codes":[{"latents":[0],"values":[1e300]}]}`, strings.Repeat("0", 999)} {
				for _, accept := range []string{"", binaryType} {
					w := ask(s, rt.method, rt.path, body, "Content-Type", kind, "Accept", accept)
					r, found := o.Responses[strconv.Itoa(w.Code)]
					answer, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
					if _, described := r.Content[answer]; !found || w.Code == 200 && !described {
						t.Errorf("%s of %s %q answers %d in %s, which is not described", rt.path, kind, body, w.Code, answer)
					}
				}
			}
		}
	}
}
