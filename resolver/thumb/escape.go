package thumb

// AppendEscaped appends a key as the path of a URL: slashes and RFC 3986's
// unreserved bytes as they are, every other byte in percent notation. That is
// also how Signature Version 4 wants a path, and it leaves nothing in it that
// JSON, HTML or a header would have to escape.
func AppendEscaped[T string | []byte](dst []byte, key T) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(key); i++ {
		if c := key[i]; plain(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// plain says whether a byte stands for itself in the path of a URL.
func plain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '/' || c == '-' || c == '_' || c == '.' || c == '~'
}
