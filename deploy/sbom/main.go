// Command sbom says what a built thumbedge is made of, by its own build information: as
// a bill of materials in CycloneDX's JSON, and as a text with every licence, which has to
// go along with the program. It is a module of its own, so that thumbedge's has neither
// library; `make release` runs it, in this folder.
//
//	go run . PROGRAM VERSION BILL LICENCES
//
// The modules' folders have to be in the module cache, as they are after a build.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("say a program, its version, and two files to write")
	}
	program, version := args[0], args[1]
	parts, err := partsOf(program)
	if err != nil {
		return err
	}
	bill, err := os.Create(args[2])
	if err != nil {
		return err
	}
	defer bill.Close()
	if err := writeBill(bill, program, version, parts); err != nil {
		return fmt.Errorf("writing %s: %w", args[2], err)
	}
	return os.WriteFile(args[3], []byte(licencesText(parts)), 0o644)
}
