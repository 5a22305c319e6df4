//go:build unix

package iomux
