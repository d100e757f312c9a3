package config

// ParseOn is Parse on a machine with so much memory.
var ParseOn = parse

// How sizes and durations are written.
var (
	ParseSize     = parseSize
	FormatSize    = formatSize
	ParseDuration = parseDuration
)
