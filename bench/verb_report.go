//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"example.com/iomux/bench/report"
	"example.com/iomux/bench/result"
)

func reportVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	format := f.String("format", "table", "table, html, or go, which is text for benchstat")
	files, err := parse(f, args, stdout, "RESULTS")
	if err != nil {
		return err
	}
	show, ok := map[string]func(io.Writer, *result.Report) error{"table": tables, "html": report.HTML, "go": report.GoBench}[*format]
	if !ok {
		return usagef("--format %s: want table, html or go", *format)
	}
	r, err := read(files[0])
	if err != nil {
		return err
	}
	return show(stdout, r)
}

func tables(w io.Writer, r *result.Report) error {
	for _, o := range r.Scenarios {
		if err := report.Table(w, o); err != nil {
			return err
		}
	}
	changes := r.Versus()
	if len(changes) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	return report.Changes(w, changes)
}

func read(file string) (*result.Report, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	r, err := result.Read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

func schemaVerb(_ context.Context, args []string, stdout, _ io.Writer) error {
	if _, err := parse(flag.NewFlagSet("schema", flag.ContinueOnError), args, stdout); err != nil {
		return err
	}
	_, err := stdout.Write(result.Schema)
	return err
}
