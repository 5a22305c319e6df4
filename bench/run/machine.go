//go:build linux

package run

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"example.com/iomux/bench/result"
)

// settings are the files that say what else of a machine matters to a network
// server; those that are not there are left out.
var settings = map[string]string{
	"governor":                        "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
	"clocksource":                     "/sys/devices/system/clocksource/clocksource0/current_clocksource",
	"transparent_hugepage":            "/sys/kernel/mm/transparent_hugepage/enabled",
	"net.ipv4.tcp_congestion_control": "/proc/sys/net/ipv4/tcp_congestion_control",
	"net.ipv4.tcp_rmem":               "/proc/sys/net/ipv4/tcp_rmem",
	"net.ipv4.tcp_wmem":               "/proc/sys/net/ipv4/tcp_wmem",
	"net.core.rmem_max":               "/proc/sys/net/core/rmem_max",
	"net.core.wmem_max":               "/proc/sys/net/core/wmem_max",
	"net.core.somaxconn":              "/proc/sys/net/core/somaxconn",
	"kernel.io_uring_disabled":        "/proc/sys/kernel/io_uring_disabled",
}

// release is the part of a kernel's that others can compare: what follows the
// numbers names whoever built it.
var release = regexp.MustCompile(`^\d+(\.\d+)*`)

// describe is what of this machine and of the tools here a result depends on.
func describe(ctx context.Context) result.Machine {
	m := result.Machine{CPUs: runtime.NumCPU(), GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Go: runtime.Version(), CC: compilerVersion(ctx), Revision: revision(ctx, ""), Settings: map[string]string{}}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU = cpuinfo(info, "model name")
	if strings.Contains(" "+cpuinfo(info, "flags")+" ", " hypervisor ") {
		m.Hypervisor = "yes"
	}
	system, _ := os.ReadFile("/etc/os-release")
	m.OS = strings.Trim(value(system, "PRETTY_NAME="), `"`)
	memory, _ := os.ReadFile("/proc/meminfo")
	m.MemoryMB = field(memory, "MemTotal") >> 10 // kB
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = release.FindString(unix.ByteSliceToString(u.Release[:]))
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		m.OpenFiles = limit.Cur
	}
	for name, path := range settings {
		if text, err := os.ReadFile(path); err == nil {
			m.Settings[name] = strings.Join(strings.Fields(string(text)), " ")
		}
	}
	m.Settings["mitigations"] = mitigations()
	return m
}

// mitigations names what the kernel guards against: each makes its calls dearer.
func mitigations() string {
	files, _ := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*")
	var names []string
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil && bytes.HasPrefix(text, []byte("Mitigation")) {
			names = append(names, filepath.Base(f))
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// revision is the commit that is in a directory, or where one stands, with a +
// behind it if there are changes since; "" where there is no git.
func revision(ctx context.Context, dir string) string {
	commit, err := output(ctx, dir, "git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return ""
	}
	commit = strings.TrimSpace(commit)
	if changes, err := output(ctx, dir, "git", "status", "--porcelain", "--untracked-files=no"); err != nil || changes != "" {
		commit += "+"
	}
	return commit
}

// cpuinfo is what stands behind "name :" in /proc/cpuinfo, first where there are
// several.
func cpuinfo(info []byte, name string) string {
	for line := range bytes.Lines(info) {
		if key, rest, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(key)) == name {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}

// value is what stands behind a prefix, in the first line that has it.
func value(text []byte, prefix string) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(prefix)); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}
