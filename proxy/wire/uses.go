package wire

import "github.com/thumbedge/thumbedge/proxy/wire/field"

// headerUse says what becomes of a request header on its way to the app.
type headerUse uint8

const (
	useCopy  headerUse = iota
	useDrop            // hop-by-hop, or written anew
	useHost            // see AppHost
	useFor             // X-Forwarded-For
	useProto           // X-Forwarded-Proto
	useFHost           // X-Forwarded-Host
	useForwarded
	useClaim // further claims about the client, which only trusted peers may make
	useID    // X-Request-Id
	useTrailer
)

// headerUses has every header that is not simply copied.
var headerUses = func() *field.Table[headerUse] {
	t := new(field.Table[headerUse])
	for _, name := range field.HopByHop {
		t.Put(name, useDrop)
	}
	for name, use := range map[string]headerUse{
		"host": useHost, "http2-settings": useDrop, "content-length": useDrop, "expect": useDrop,
		"trailer": useTrailer, "x-request-id": useID, "forwarded": useForwarded, "x-forwarded-for": useFor,
		"x-forwarded-proto": useProto, "x-forwarded-host": useFHost, "x-forwarded-port": useClaim,
		"x-forwarded-prefix": useClaim, "x-forwarded-server": useClaim, "x-forwarded-ssl": useClaim,
		"x-forwarded-scheme": useClaim, "x-real-ip": useClaim,
	} {
		t.Put(name, use)
	}
	return t
}()

// notInTrailer are fields that may not stand behind a body, beside those of headerUses:
// the client's identity depends on them, what the body is, or what is answered.
var notInTrailer = field.NewSet("authorization", "cookie", "set-cookie", "content-type", "content-encoding", "content-range",
	"accept-encoding", "if-none-match", "if-modified-since", "if-range")

// allowedInTrailer says whether a field may stand behind a body: none that
// framing, routing or the client's identity depend on.
func allowedInTrailer(name []byte) bool {
	return headerUses.Of(name) == useCopy && !notInTrailer.Of(name)
}
