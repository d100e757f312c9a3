package postgres

// Begin is how every transaction begins.
const Begin = begin
