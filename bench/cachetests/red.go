package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// readReasons reads a file of lines "<id> <reason>": why each red test stays red.
func readReasons(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the reasons (run this from the repository's root): %w", err)
	}
	reasons := map[string]string{}
	for number, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, reason, _ := strings.Cut(line, " ")
		reason = strings.TrimSpace(reason)
		if _, twice := reasons[id]; twice || reason == "" {
			return nil, fmt.Errorf("%s, line %d: a test is named once, with a reason", path, number+1)
		}
		reasons[id] = reason
	}
	return reasons, nil
}

func printRed(out io.Writer, red, reasons map[string]string) {
	fmt.Fprintf(out, "\nthumbedge's %d red tests:\n\n", len(red))
	for _, id := range slices.Sorted(maps.Keys(red)) {
		reason, ok := reasons[id]
		if !ok {
			reason = "**not in the list**: " + red[id]
		}
		fmt.Fprintf(out, "- `%s` (%s): %s\n", id, strings.SplitN(red[id], ":", 2)[0], reason)
	}
}

// compare holds the red tests against the reasons: both must name the same ones.
func compare(red, reasons map[string]string) error {
	var wrong []string
	for id, why := range red {
		if _, ok := reasons[id]; !ok {
			wrong = append(wrong, id+" is red, and red.txt gives no reason: "+why)
		}
	}
	for id := range reasons {
		if _, ok := red[id]; !ok {
			wrong = append(wrong, id+" is green, though red.txt names it")
		}
	}
	if wrong == nil {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("%d differences:\n%s", len(wrong), strings.Join(wrong, "\n"))
}
