package result_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.com/iomux/bench/result"
	"example.com/iomux/bench/scenario"
)

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(result.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is what WriteJSON writes, as the validator wants it.
func document(t *testing.T, r *result.Report) any {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// fill sets everything to something else than zero, so that nothing is omitted.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		if v.Type().Elem() == reflect.TypeFor[result.Measure]() {
			for _, m := range result.Metrics {
				v.SetMapIndex(reflect.ValueOf(m.Name), value)
			}
			return
		}
		v.SetMapIndex(reflect.ValueOf("name"), value)
	case reflect.String:
		v.SetString("text")
		if v.Type() == reflect.TypeFor[scenario.Kind]() {
			v.SetString("echo")
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1.5)
	default:
		panic("what JSON has no schema for: " + v.Type().String())
	}
}

func full() *result.Report {
	r := new(result.Report)
	fill(reflect.ValueOf(r).Elem())
	r.Format = result.Format
	return r
}

// minimal has all that must be there, and nothing else.
func minimal() *result.Report {
	s := scenario.Scenario{Name: "1x1", Kind: scenario.Echo}
	o := result.Summarize(s, []result.Series{{Peer: "a", Samples: []*result.Sample{{}}}})
	return &result.Report{Format: result.Format, Peers: []result.Peer{{}}, Skipped: []result.Skipped{{}}, Scenarios: []*result.Outcome{o}}
}

func TestReportsFollowSchema(t *testing.T) {
	schema := compile(t)
	for name, r := range map[string]*result.Report{"full": full(), "minimal": minimal()} {
		doc := document(t, r)
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r, err := result.Read(bytes.NewReader(mustJSON(t, doc))); err != nil || len(r.Scenarios) != 1 {
			t.Errorf("%s: read again: %v", name, err)
		}
	}
}

// objects calls do with every object in a document that has a schema of its own:
// not with maps, whose keys are anybody's.
func objects(doc any, path string, do func(path string, object map[string]any)) {
	switch v := doc.(type) {
	case map[string]any:
		if end := path[strings.LastIndex(path, "/")+1:]; end == "settings" || end == "notes" || end == "calls" {
			return
		}
		do(path, v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			objects(v[key], path+"/"+key, do)
		}
	case []any:
		for i, e := range v {
			objects(e, fmt.Sprintf("%s/%d", path, i), do)
		}
	}
}

func TestSchemaRefusesUnknown(t *testing.T) {
	schema, doc := compile(t), document(t, full())
	seen := 0
	objects(doc, "", func(path string, o map[string]any) {
		seen++
		o["surplus"] = 1
		if schema.Validate(doc) == nil {
			t.Errorf("%s: an unknown property is let pass", path)
		}
		delete(o, "surplus")
	})
	if seen < 12 {
		t.Errorf("%d objects, want a report full of them", seen)
	}
}

func TestSchemaRefusesMissing(t *testing.T) {
	schema, doc := compile(t), document(t, minimal())
	objects(doc, "", func(path string, o map[string]any) {
		for _, key := range slices.Sorted(maps.Keys(o)) {
			if path+key == "skipped" {
				continue // there to look into only
			}
			value := o[key]
			delete(o, key)
			if schema.Validate(doc) == nil {
				t.Errorf("%s: that %s is missing is let pass", path, key)
			}
			o[key] = value
		}
	})
}

// Each property of the schema is written, each definition used, each described.
func TestSchemaHasNothingElse(t *testing.T) {
	var schema struct {
		Defs map[string]struct {
			Description string
			Properties  map[string]struct{ Description string }
		} `json:"$defs"`
		Properties map[string]struct{ Description string }
	}
	if err := json.Unmarshal(result.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	objects(document(t, full()), "", func(_ string, o map[string]any) {
		for key := range o {
			written[key] = true
		}
	})
	text := string(result.Schema)
	for key, p := range schema.Properties {
		if !written[key] || p.Description == "" {
			t.Errorf("%s: written %t, described %q", key, written[key], p.Description)
		}
	}
	for name, d := range schema.Defs {
		if !strings.Contains(text, `"#/$defs/`+name+`"`) || d.Description == "" {
			t.Errorf("%s: unused, or undescribed: %q", name, d.Description)
		}
		for key, p := range d.Properties {
			shared := schema.Defs[key].Description // of the statistics, which several have
			if !written[key] || p.Description == "" && shared == "" {
				t.Errorf("%s.%s: written %t, described %q", name, key, written[key], p.Description)
			}
		}
	}
}

func mustJSON(t *testing.T, doc any) []byte {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"format":2}`, `{"format":1} x`, `{"format":1,"scenarios":{}}`,
		`{"format":1,"scenarios":[null]}`,
		`{"format":1,"scenarios":[{"rows":[null]}]}`,
		`{"format":1,"scenarios":[{"rows":[{}]}]}`,
		`{"format":1,"scenarios":[{"rows":[{"samples":[]}]}]}`,
		`{"format":1,"scenarios":[{"rows":[{"samples":[{},null]}]}]}`,
		`{"format":1,"setting":{"seconds":1e999}}`,
		`{"format":1,"setting":{"seconds":NaN}}`,
	} {
		if _, err := result.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read", text)
		} else if !strings.Contains(err.Error(), result.ErrFormat.Error()) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
