package config

import (
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines says on which line each key of a file stands. Keys are dotted; the items
// of a list of tables are counted: thumbnails[1].width.
type lines map[string]int

// of returns the line of key, or of the nearest table around it; 0 where neither
// stands in the file.
func (l lines) of(key string) int {
	for key != "" {
		if line, ok := l[key]; ok {
			return line
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

// linesOf reads a document that is known to be valid TOML.
func linesOf(document []byte) lines {
	found := lines{}
	items := map[string]int{} // of lists of tables
	parser := &unstable.Parser{}
	parser.Reset(document)
	table := ""
	for parser.NextExpression() {
		node := parser.Expression()
		key, line := "", 0
		for it := node.Key(); it.Next(); {
			key = join(key, string(it.Node().Data))
			line = parser.Shape(it.Node().Raw).Start.Line
		}
		switch node.Kind {
		case unstable.Table:
			table = key
		case unstable.ArrayTable:
			if items[key] == 0 {
				found[key] = line
			}
			table = key + "[" + strconv.Itoa(items[key]) + "]"
			items[key]++
		case unstable.KeyValue:
			found[join(table, key)] = line
			continue
		default:
			continue
		}
		found[table] = line
	}
	return found
}
