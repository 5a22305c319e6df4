//go:build unix

package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// module is the path of the root module, which begins those of the others.
const module = "example.com/iomux"

// root is the top of the tree, seen from this package's directory.
const root = "../.."

// files calls f with every file of the tree that has one of the extensions, by
// its path from the top.
func files(t *testing.T, f func(name string), extensions ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == ".git" {
			if d != nil && d.IsDir() && err == nil {
				return filepath.SkipDir
			}
			return err
		}
		for _, ext := range extensions {
			if !d.IsDir() && strings.HasSuffix(p, ext) {
				name, err := filepath.Rel(root, p)
				if err != nil {
					return err
				}
				f(filepath.ToSlash(name))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// read is the text of a file of the tree.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// source is a Go file, parsed whatever system it is for.
type source struct {
	name string // path from the top
	dir  string // its directory, "." for the top
	test bool
	fset *token.FileSet
	*ast.File
}

// sources parses every Go file of the tree.
func sources(t *testing.T) (list []source) {
	t.Helper()
	files(t, func(name string) {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(root, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), fset, f})
	}, ".go")
	if len(list) == 0 {
		t.Fatal("found no Go file")
	}
	return list
}

// output runs a command at the top of the tree and returns what it printed.
func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out)
}
