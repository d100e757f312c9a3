package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const module = "github.com/thumbedge/thumbedge"

// writeBill writes the bill of a program. The same program gives the same bytes: it has
// no serial number, and SOURCE_DATE_EPOCH dates it.
func writeBill(w io.Writer, program, version string, parts []part) error {
	contents, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("reading SOURCE_DATE_EPOCH: %w", err)
	}
	whole := cdx.Component{
		BOMRef: "thumbedge", Type: cdx.ComponentTypeApplication, Name: "thumbedge", Version: version,
		PackageURL: "pkg:golang/" + module + "@" + version, Licenses: named("Apache-2.0"),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(contents))}},
	}
	var components []cdx.Component
	var refs []string
	for _, p := range parts {
		c := p.component()
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: time.Unix(seconds, 0).UTC().Format(time.RFC3339), Component: &whole}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: whole.BOMRef, Dependencies: &refs}}
	return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6) // what readers know
}

func (p part) component() cdx.Component {
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: p.path, Version: p.version, Scope: cdx.ScopeRequired, Licenses: named(p.licences...)}
	if p.linked != "" {
		c.BOMRef = "system:" + p.path
		c.Description = "The shared library of the system that it runs on."
		return c
	}
	c.PackageURL = "pkg:golang/" + p.path + "@" + p.version
	c.BOMRef = c.PackageURL
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(p.sum, "h1:")); err == nil && len(sum) == sha256.Size {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}} // of the module's files, as go.sum has it
	}
	return c
}

func named(licences ...string) *cdx.Licenses {
	var all cdx.Licenses
	for _, id := range licences {
		all = append(all, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &all
}

// licencesText has every part's licences, word for word.
func licencesText(parts []part) string {
	var b strings.Builder
	b.WriteString("thumbedge is under the Apache License 2.0. It is built with these, whose authors ask that their words go along.\n")
	first := map[string]string{}
	for _, p := range parts {
		if p.linked != "" {
			continue // its own package brings them
		}
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n", strings.Repeat("=", 78), p.path, p.version, strings.Join(p.licences, ", "))
		for _, text := range p.texts {
			if at := first[text]; at != "" {
				text = "The same words as at " + at + " above."
			} else {
				first[text] = p.path
			}
			fmt.Fprintf(&b, "\n%s\n", text)
		}
	}
	return b.String()
}
