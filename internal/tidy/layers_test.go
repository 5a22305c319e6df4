//go:build unix

package tidy

import (
	"go/ast"
	"strconv"
	"strings"
	"testing"
)

// floors are the areas of the tree, the lowest first. An area imports itself
// and lower floors; areas of one floor do not import each other.
var floors = [][]string{
	{"internal/leaktest"},
	{"internal/sys"},
	{"internal/kqueuesim", "internal/libkqueue", "internal/socketfile", "internal/ipaddr", "internal/chattext", "internal/proxyheader", "internal/transcript"},
	{"."},
	{"selectors"},
	{"reactor"},
	{"access"},
	{"servers", "handover", "certfile"},
	{"adapters"},
	{"cmd", "bench", "itest", "internal/tidy"},
}

// within reports whether a directory belongs to an area.
func within(dir, area string) bool {
	return dir == area || area != "." && strings.HasPrefix(dir, area+"/")
}

// areaOf is a directory's area and its floor.
func areaOf(dir string) (area string, floor int, ok bool) {
	for floor, areas := range floors {
		for _, area := range areas {
			if within(dir, area) {
				return area, floor, true
			}
		}
	}
	return "", 0, false
}

// directory is where in the tree a package is, "" if it is not ours.
func directory(importPath string) string {
	if importPath == module {
		return "."
	}
	dir, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	return dir
}

func imports(s source) (list []string) {
	for _, i := range s.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			panic(err) // the parser has taken it
		}
		list = append(list, p)
	}
	return list
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		area, floor, ok := areaOf(s.dir)
		if !ok {
			t.Errorf("%s: directory %s is on no floor: give it a place in floors, and in CONTRIBUTING.md", s.name, s.dir)
			continue
		}
		for _, p := range imports(s) {
			dir := directory(p)
			if dir == "" {
				continue
			}
			switch to, below, ok := areaOf(dir); {
			case !ok:
				t.Errorf("%s imports %s, which is on no floor", s.name, p)
			case to != area && below >= floor:
				t.Errorf("%s imports %s: imports point down only", s.name, p)
			}
		}
	}
}

// ownModule reports whether a directory belongs to a module other than the root.
func ownModule(dir string) bool {
	for _, area := range []string{"adapters", "cmd", "bench", "itest"} {
		if within(dir, area) {
			return true
		}
	}
	return false
}

func TestRootModuleImportsOnlySys(t *testing.T) {
	for _, s := range sources(t) {
		if ownModule(s.dir) {
			continue
		}
		for _, p := range imports(s) {
			first, _, _ := strings.Cut(p, "/")
			if strings.Contains(first, ".") && directory(p) == "" && !strings.HasPrefix(p, "golang.org/x/sys/") {
				t.Errorf("%s imports %s: the root module needs golang.org/x/sys and nothing else", s.name, p)
			}
		}
	}
	// What the go command makes of go.mod says the same.
	if got := output(t, []string{"GOWORK=off"}, "go", "list", "-m", "-f", "{{.Path}}", "all"); got != module+"\ngolang.org/x/sys\n" {
		t.Errorf("go list -m all: got %q", got)
	}
}

// Package net brings the runtime's own reactor. Ours, and the servers on it, use it
// for addresses and the net.Conn interface, and handover for what happens once in a
// process's life and beside the loops; else it has no place but in programs.
func TestNetOnlyInReactorAndPrograms(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || ownModule(s.dir) || within(s.dir, "reactor") || within(s.dir, "handover") || within(s.dir, "internal/transcript") || within(s.dir, "servers") {
			continue
		}
		for _, p := range imports(s) {
			if p == "net" {
				t.Errorf("%s imports net", s.name)
			}
		}
	}
}

// Every system call goes through internal/sys, which can trace it and make it
// fail; elsewhere x/sys and syscall give constants and types only.
func TestOneDoorToTheKernel(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || ownModule(s.dir) || strings.HasPrefix(s.dir, "internal") {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				if pkg, ok := f.X.(*ast.Ident); ok && (pkg.Name == "unix" || pkg.Name == "syscall") {
					t.Errorf("%s calls %s.%s: system calls are made by internal/sys", s.fset.Position(call.Pos()), pkg.Name, f.Sel.Name)
				}
			}
			return true
		})
	}
}
