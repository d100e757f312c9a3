package config

// ParseOn is Parse on a machine with so much memory.
var ParseOn = parse
