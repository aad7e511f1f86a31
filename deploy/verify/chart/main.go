// Renders a Helm chart as Helm does (Go's text/template with the functions of sprig, both of which Helm is made of) and
// decodes every manifest strictly into Kubernetes' own types: an unknown or mistyped field is an error. For machines without
// Helm; needs Debian's golang, golang-github-masterminds-sprig-dev and golang-k8s-client-go-dev.
//
// usage: main CHART [VALUES.yaml …]
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Kinds of other makers, which Kubernetes' own types do not have: decoded as YAML alone.
const foreign = "monitoring.coreos.com/"

func main() {
	manifests, err := render(os.Args[1], os.Args[2:])
	if err == nil {
		err = decode(manifests)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(manifests)
}

func render(chart string, files []string) (string, error) {
	values := map[string]any{}
	for _, file := range append([]string{filepath.Join(chart, "values.yaml")}, files...) {
		read, err := readYAML(file)
		if err != nil {
			return "", err
		}
		merge(values, read)
	}
	about, err := readYAML(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		return "", err
	}
	data := map[string]any{
		"Values":  values,
		"Chart":   map[string]any{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": map[string]any{"Name": "gate", "Namespace": "default", "Service": "Helm"},
	}
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	paths, _ := filepath.Glob(filepath.Join(chart, "templates", "*"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if _, err := all.New(filepath.Base(path)).Parse(string(text)); err != nil {
			return "", err
		}
	}
	var manifests bytes.Buffer
	for _, path := range paths {
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, filepath.Base(path), data); err != nil {
			return "", err
		}
		if strings.HasSuffix(path, ".yaml") && strings.TrimSpace(out.String()) != "" {
			fmt.Fprintf(&manifests, "---\n# %s\n%s\n", filepath.Base(path), out.String())
		}
	}
	return manifests.String(), nil
}

// What Helm adds to sprig, as far as the chart uses it.
func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	known["include"] = func(name string, data any) (string, error) {
		var out strings.Builder
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	known["toYaml"] = func(value any) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	known["fail"] = func(message string) (string, error) { return "", errors.New(message) }
	return known
}

func decode(manifests string) error {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	for _, manifest := range strings.Split(manifests, "\n---\n") {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal([]byte(manifest), &head); err != nil {
			return fmt.Errorf("%w in\n%s", err, manifest)
		}
		if strings.HasPrefix(head.APIVersion, foreign) {
			continue
		}
		if _, _, err := decoder.Decode([]byte(manifest), nil, nil); err != nil {
			return fmt.Errorf("%s %s: %w\n%s", head.APIVersion, head.Kind, err, manifest)
		}
	}
	return nil
}

func merge(into, from map[string]any) {
	for key, value := range from {
		inner, both := into[key].(map[string]any)
		if more, ok := value.(map[string]any); ok && both {
			merge(inner, more)
			continue
		}
		into[key] = value
	}
}

func readYAML(path string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	value := map[string]any{}
	return value, yaml.UnmarshalStrict(text, &value)
}
