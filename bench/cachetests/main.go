// Command cachetests runs Mark Nottingham's tests for HTTP caches (cache-tests.fyi, the npm
// package http-cache-tests, as it comes) against nginx's proxy_cache, Varnish and
// `thumbedge serve`, one after another in front of the suite's own origin server, and prints
// Markdown: how many of the required and of the optimal behaviours each has, and thumbedge's
// red ones with the reason. Tests that only a browser's cache can pass are left out.
//
//	make cache-tests                  all of them
//	make cache-tests ONLY=thumbedge   thumbedge alone, as CI does
//	make cache-tests ONLY=thumbedge ID=vary-match   one test, each message of it printed
//
// red.txt names thumbedge's red tests, each with its reason. A test that is red in three
// runs and that it does not name fails the command, and so does a green one that it names: a
// behaviour is neither lost nor gained unseen.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/thumbedge/thumbedge/internal/child"
)

func main() {
	suiteDir := flag.String("suite", ".tools/http-cache-tests/node_modules/http-cache-tests", "where the suite was installed")
	redFile := flag.String("red", "bench/cachetests/red.txt", "thumbedge's red tests and their reasons")
	only := flag.String("only", "", "run the servers whose name holds this")
	id := flag.String("id", "", "run this test alone, and print what is sent and answered")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *suiteDir, *redFile, *only, *id)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cachetests:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, suiteDir, redFile, only, id string) error {
	reasons, err := readReasons(redFile)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "te-cachetests-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder to the servers' users: %w", err)
	}
	suite, err := openSuite(ctx, suiteDir, dir)
	if err != nil {
		return err
	}
	defer suite.close()
	var rows strings.Builder
	var red map[string]string
	for _, c := range contestants {
		if !strings.Contains(c.name, only) {
			continue
		}
		results, err := measure(ctx, c, suite, dir, id)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if id != "" {
			fmt.Fprintf(out, "%s\n\n%s\n", c.name, results.printed)
			continue
		}
		if c.name == "thumbedge" {
			// The suite counts real seconds: on a starved machine an answer grows old before
			// it is asked for again. What is red by that is green another time.
			for range 2 {
				differences := compare(suite.red(results), reasons)
				if differences == nil {
					break
				}
				fmt.Fprintf(os.Stderr, "cachetests: running the tests another time: %v\n", differences)
				again, err := measure(ctx, c, suite, dir, "")
				if err != nil {
					return fmt.Errorf("%s, another time: %w", c.name, err)
				}
				results.add(again)
			}
			red = suite.red(results)
		}
		fmt.Fprintf(&rows, "| %s | %d | %d |\n", c.name, suite.green(results, required), suite.green(results, optimal))
	}
	if id != "" {
		return nil
	}
	fmt.Fprintf(out, "| server | required, of %d | optimal, of %d |\n|---|--:|--:|\n%s", suite.count(required), suite.count(optimal), rows.String())
	if red == nil {
		return nil
	}
	printRed(out, red, reasons)
	return compare(red, reasons)
}

// measure runs the tests against c, whose files lie in a folder of its own below dir.
func measure(ctx context.Context, c contestant, suite *suite, dir, id string) (results, error) {
	dir, err := os.MkdirTemp(dir, "")
	if err != nil {
		return results{}, fmt.Errorf("making a folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return results{}, fmt.Errorf("opening the folder to the server's users: %w", err)
	}
	address, err := child.FreeAddress()
	if err != nil {
		return results{}, err
	}
	stop, err := c.start(ctx, dir, address, suite.origin)
	if err != nil {
		return results{}, err
	}
	defer stop()
	return suite.run(ctx, "http://"+address, id)
}
