package main

import (
	"fmt"
	"strings"
)

// luaRewrite does what thumbedge does, the way one would in nginx: hold the body,
// find the route URLs by a pattern, and look each up in memory. It is in favour of
// Lua that the pattern begins with the one authority there is, and that JSON is
// taken for text.
const luaRewrite = `
        proxy_set_header Accept-Encoding identity;
        header_filter_by_lua_block { ngx.header.content_length = nil }
        body_filter_by_lua_block {
          local held, last = ngx.ctx, ngx.arg[2]
          held.n = (held.n or 0) + 1
          held[held.n] = ngx.arg[1]
          if not last then ngx.arg[1] = nil; return end
          ngx.arg[1] = ngx.re.gsub(table.concat(held), [[http://127\.0\.0\.1:9000/api/v2/captures/thumbnails/(\d+)/\?label=(\w+)]], function(m)
            local digits = ngx.shared.warm:get(m[1] .. m[2])
            if not digits then return m[0] end
            return '` + storageURL + `thumbnails/capture_' .. m[1] .. '/' .. m[2] .. '_' .. digits .. '.jpg'
          end, "jo")
        }`

// luaWarm fills nginx's memory with what is warm.
func luaWarm() string {
	var fill strings.Builder
	// 64-bit integers are beyond Lua's numbers: halves are multiplied apart.
	fill.WriteString("lua_shared_dict warm 64m;\n    init_by_lua_block {\n      local warm, bit = ngx.shared.warm, require('bit')\n")
	fill.WriteString("      local ffi = require('ffi')\n      local golden = 0x9e3779b97f4a7c15ULL\n")
	fmt.Fprintf(&fill, "      for id = %d, %d do\n", firstID+1, firstID+pageCount*pageSize)
	fill.WriteString("        local base = ffi.cast('uint64_t', id) * golden\n")
	for position, spec := range labels {
		fmt.Fprintf(&fill, "        warm:set(id .. %q, bit.tohex(base + %d, 16))\n", spec.Label, position)
	}
	fill.WriteString("      end\n    }")
	return fill.String()
}
